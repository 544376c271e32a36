package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// File is the body of a filesystem event. What is not known is empty or 0.
type File struct {
	Path     string
	Previous string // path before a rename
	Target   string // of a symbolic link
	Type     string // file, dir, symlink
	Mode     string // octal: 0644
	SHA256   string
	UID, GID Number // owner
	Inode    uint64
	Size     Number
	// All that happened to the file, where the kernel merged it into one record: their
	// order is not known, and the operation of the event is the one that matters most.
	Operations FileOperations

	// Of a bulk: how many files one process changed, of these renamed and deleted, and
	// since when. Path is the directory that has all of them.
	Changes, Renames, Deletes Number
	SinceNs                   int64
}

// FileOperations is a set of operations.
type FileOperations uint8

// OperationSet returns the set of the operations. Those that no file has are left out.
func OperationSet(all ...Operation) (s FileOperations) {
	for _, o := range all {
		if o >= OpCreate && o <= OpAccess {
			s |= 1 << (o - OpCreate)
		}
	}
	return s
}

// Has reports whether o is in s.
func (s FileOperations) Has(o Operation) bool { return s&OperationSet(o) != 0 }

// fileOperationNames are those of the bits.
var fileOperationNames = func() (names []string) {
	for o := OpCreate; o <= OpAccess; o++ {
		names = append(names, o.String())
	}
	return names
}()

// Filesystem is a filesystem event.
type Filesystem = Event[File]

var file = newBlock(offBody, TableFilesystem, wire.HeadSize,
	row[File]{name: "file.path", sigma: "TargetFilename", doc: "path of the file; after a rename the new one",
		form: text(MaxPath, func(f *File) *string { return &f.Path })},
	row[File]{name: "daemoneye.previous_path", sigma: "SourceFilename", doc: "path before a rename",
		form: text(MaxPath, func(f *File) *string { return &f.Previous })},
	row[File]{name: "file.target_path", doc: "where a symbolic link leads",
		form: text(MaxPath, func(f *File) *string { return &f.Target })},
	row[File]{name: "file.type", doc: "type of the file: file, dir, symlink",
		form: text(MaxName, func(f *File) *string { return &f.Type })},
	row[File]{name: "file.mode", doc: "permissions of the file, octal",
		form: text(MaxName, func(f *File) *string { return &f.Mode })},
	row[File]{name: "file.uid", doc: "owner of the file",
		form: maybe(KindID, 4, func(f *File) *Number { return &f.UID })},
	row[File]{name: "file.gid", doc: "group of the file",
		form: maybe(KindID, 4, func(f *File) *Number { return &f.GID })},
	row[File]{name: "file.inode", doc: "number of the file in its filesystem",
		form: number(KindID, func(f *File) *uint64 { return &f.Inode })},
	row[File]{name: "file.size", doc: "size of the file, bytes",
		form: maybe(KindNumber, 8, func(f *File) *Number { return &f.Size })},
	row[File]{name: "file.hash.sha256", doc: "hash of the content of the file",
		form: text(MaxID, func(f *File) *string { return &f.SHA256 })},
	row[File]{name: "daemoneye.operations", doc: "all that happened to the file, in no order",
		form: named(fileOperationNames, func(f *File) *FileOperations { return &f.Operations })},
	row[File]{name: "daemoneye.bulk.changes", doc: "files that one process changed in a short time",
		form: maybe(KindNumber, 4, func(f *File) *Number { return &f.Changes })},
	row[File]{name: "daemoneye.bulk.renames", doc: "of these, renamed",
		form: maybe(KindNumber, 4, func(f *File) *Number { return &f.Renames })},
	row[File]{name: "daemoneye.bulk.deletes", doc: "of these, deleted",
		form: maybe(KindNumber, 4, func(f *File) *Number { return &f.Deletes })},
	row[File]{name: "daemoneye.bulk.since", doc: "when it began",
		form: number(KindTime, func(f *File) *int64 { return &f.SinceNs })},
)
