// Package faulty has files for tests that fail, or do not return, at the test's wish.
package faulty

import (
	"io/fs"
	"sync"

	"github.com/daemoneye/eventbus/agent/alert/journal"
)

// Operation is what can fail.
type Operation string

// The operations. A file that is open already fails too.
const (
	Open     Operation = "open"
	Create   Operation = "create"
	Write    Operation = "write"
	Sync     Operation = "sync"
	SyncDir  Operation = "syncdir"
	Truncate Operation = "truncate"
	Rename   Operation = "rename"
	Remove   Operation = "remove"
	Read     Operation = "read"
	Mkdir    Operation = "mkdir"
)

// Files are those of Under, or of the disk, which fail as Fail and Budget have it. The zero
// Files never fail.
//
// Safe for concurrent use.
type Files struct {
	Under journal.Files // nil: journal.Disk
	// Unsynced leaves out that anything gets to the disk, which a test without crashes of
	// the machine does not need.
	Unsynced bool

	mu      sync.Mutex
	fail    map[Operation]error // guarded by mu
	limited bool                // guarded by mu; budget counts
	budget  int                 // guarded by mu; bytes until writes fail
	full    error               // guarded by mu
	calls   map[Operation]int   // guarded by mu

	hung map[Operation]chan struct{} // guarded by mu; closed when they return
}

// Fail has all of these operations fail with err from now on; nil heals them.
func (f *Files) Fail(err error, ops ...Operation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		f.fail = map[Operation]error{}
	}
	for _, op := range ops {
		f.fail[op] = err
	}
}

// Hang has these operations not return until release is called, as those of a mount whose
// server is dead.
func (f *Files) Hang(ops ...Operation) (release func()) {
	back := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hung == nil {
		f.hung = map[Operation]chan struct{}{}
	}
	for _, op := range ops {
		f.hung[op] = back
	}
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, op := range ops {
			delete(f.hung, op)
		}
		close(back)
	})
}

// Budget has writes fail with err after n more bytes. The bytes until then are written.
func (f *Files) Budget(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limited, f.budget, f.full = err != nil, n, err
}

// Calls returns how often an operation was asked for.
func (f *Files) Calls(op Operation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *Files) check(op Operation) error {
	f.mu.Lock()
	if f.calls == nil {
		f.calls = map[Operation]int{}
	}
	f.calls[op]++
	if back := f.hung[op]; back != nil {
		f.mu.Unlock()
		<-back
		f.mu.Lock()
	}
	defer f.mu.Unlock()
	return f.fail[op]
}

func (f *Files) under() journal.Files {
	if f.Under == nil {
		return journal.Disk{}
	}
	return f.Under
}

func (f *Files) open(op Operation, name string, open func(string) (journal.File, error)) (journal.File, error) {
	if err := f.check(op); err != nil {
		return nil, &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	under, err := open(name)
	if err != nil {
		return nil, err
	}
	return &file{under, f}, nil
}

// Open implements journal.Files.
func (f *Files) Open(name string) (journal.File, error) { return f.open(Open, name, f.under().Open) }

// Append implements journal.Files.
func (f *Files) Append(name string) (journal.File, error) {
	return f.open(Open, name, f.under().Append)
}

// Create implements journal.Files.
func (f *Files) Create(name string) (journal.File, error) {
	return f.open(Create, name, f.under().Create)
}

// Stat implements journal.Files.
func (f *Files) Stat(name string) (fs.FileInfo, error) { return f.under().Stat(name) }

// ReadDir implements journal.Files.
func (f *Files) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := f.check(Open); err != nil {
		return nil, err
	}
	return f.under().ReadDir(dir)
}

// MkdirAll implements journal.Files.
func (f *Files) MkdirAll(dir string) error {
	if err := f.check(Mkdir); err != nil {
		return err
	}
	return f.under().MkdirAll(dir)
}

// Rename implements journal.Files.
func (f *Files) Rename(from, to string) error {
	if err := f.check(Rename); err != nil {
		return err
	}
	return f.under().Rename(from, to)
}

// Remove implements journal.Files.
func (f *Files) Remove(name string) error {
	if err := f.check(Remove); err != nil {
		return err
	}
	return f.under().Remove(name)
}

// SyncDir implements journal.Files.
func (f *Files) SyncDir(dir string) error {
	if err := f.check(SyncDir); err != nil {
		return err
	}
	if f.Unsynced {
		return nil
	}
	return f.under().SyncDir(dir)
}

type file struct {
	journal.File
	of *Files
}

func (f *file) Write(b []byte) (int, error) {
	if err := f.of.check(Write); err != nil {
		return 0, err
	}
	f.of.mu.Lock()
	allowed, full := len(b), error(nil)
	if f.of.limited && f.of.budget < len(b) {
		allowed, full = f.of.budget, f.of.full
	}
	if f.of.limited {
		f.of.budget -= allowed
	}
	f.of.mu.Unlock()
	n, err := f.File.Write(b[:allowed])
	if err == nil {
		err = full
	}
	return n, err
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	if err := f.of.check(Read); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, at)
}

func (f *file) Truncate(size int64) error {
	if err := f.of.check(Truncate); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *file) Datasync() error {
	if err := f.of.check(Sync); err != nil {
		return err
	}
	if f.of.Unsynced {
		return nil
	}
	return f.File.Datasync()
}
