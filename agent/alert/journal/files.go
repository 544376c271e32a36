package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Files is where a journal lies. Names are paths. Disk is the real one; a test has others,
// which fail.
//
// Safe for concurrent use.
type Files interface {
	// Open opens a file for reading, and Append also for writing at its end. Create does
	// what Append does with a file that must not be there yet.
	Open(name string) (File, error)
	Append(name string) (File, error)
	Create(name string) (File, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(dir string) ([]fs.DirEntry, error)
	MkdirAll(dir string) error
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir returns when the names in the directory are on the disk.
	SyncDir(dir string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Datasync returns when the contents are on the disk.
	Datasync() error
}

// Disk are the files of the operating system. What it makes is for its user only.
type Disk struct{}

const (
	dirMode  = 0o700
	fileMode = 0o600
)

type diskFile struct{ *os.File }

// Datasync implements File.
func (f diskFile) Datasync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func (Disk) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Open implements Files.
func (d Disk) Open(name string) (File, error) { return d.open(name, os.O_RDONLY) }

// Append implements Files.
func (d Disk) Append(name string) (File, error) { return d.open(name, os.O_RDWR|os.O_APPEND) }

// Create implements Files.
func (d Disk) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL)
}

// Stat implements Files.
func (Disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// ReadDir implements Files.
func (Disk) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

// MkdirAll implements Files.
func (Disk) MkdirAll(dir string) error { return os.MkdirAll(dir, dirMode) }

// Rename implements Files.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements Files.
func (Disk) Remove(name string) error { return os.Remove(name) }

// SyncDir implements Files.
func (Disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
