package event

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
}

// Filesystem is a filesystem event.
type Filesystem = Event[File]

var file = newBlock(offBody, TableFilesystem, blockFixed,
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
)
