// Package file is the sink that appends to a file, one item a line, and moves it aside
// when it is full.
//
// # Guarantees
//
//  1. What Send has counted as taken is durable: written and synced.
//     (TestWhatIsTakenIsInTheFile)
//  2. A line is whole or not there. What a full disk or a crash has left of a line is cut
//     off before the next one is written. (TestAFullDiskLosesNothing, TestATornLineIsCut)
//  3. A file that somebody has moved or removed is made anew, in a folder that is made
//     anew too. (TestARemovedFolderIsMadeAnew)
//
// # What may not be assumed
//
//   - That two sinks may write to one file: the configuration refuses it, and a lock
//     refuses another process.
//   - That a compressed file is durable as soon as it is there.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/DeRuina/timberjack"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/output"
)

// Options configure a file.
type Options struct {
	Path string
	// MaxBytes is how large it gets, in whole MiB; Keep how many old ones stay beside it.
	MaxBytes int64
	Keep     int
	// Compress has old files compressed with gzip.
	Compress bool
	// Line returns an item as one line, without its end.
	Line func(*output.Item) []byte
}

// Sink appends to a file. One goroutine at a time.
type Sink struct {
	o    Options
	w    *timberjack.Logger // nil while it is closed
	lock *os.File           // held while w is open
	last os.FileInfo        // the file when its lines were whole; nil for none
}

// ErrLocked means that another process writes to the file.
var ErrLocked = errors.New("another process writes to it")

// New makes a Sink. The file is opened by Send.
func New(o Options) *Sink { return &Sink{o: o} }

// Send implements output.Sink: all items of a call are one write and one sync.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	for taken < len(items) && ctx.Err() == nil {
		n, err := s.write(items[taken:])
		taken += n
		if err != nil {
			return taken, err
		}
	}
	return taken, ctx.Err()
}

// write writes as many of the first items as fit into one file, at least one.
func (s *Sink) write(items []output.Item) (n int, err error) {
	var b []byte
	for n < len(items) {
		line := s.o.Line(&items[n])
		if n > 0 && int64(len(b)+len(line)+1) > s.o.MaxBytes/2 {
			break
		}
		b, n = append(append(b, line...), '\n'), n+1
	}
	if int64(len(b)) > s.o.MaxBytes {
		return 0, &output.RefusedError{Reason: fmt.Sprintf("%d bytes are more than a file of %d may have", len(b), s.o.MaxBytes)}
	}
	if _, err = s.w.Write(b); err == nil {
		err = s.w.Sync()
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("%s: %w", s.o.Path, err), s.Close(), s.undo())
	}
	info, err := os.Stat(s.o.Path)
	if err != nil || info.Size() < int64(len(b)) {
		return 0, errors.Join(fmt.Errorf("%s: not where it was", s.o.Path), err, s.Close())
	}
	if info.Size() == int64(len(b)) { // a new file: its name has to be durable too
		if err := syncDir(filepath.Dir(s.o.Path)); err != nil {
			return 0, errors.Join(err, s.Close())
		}
	}
	s.last = info
	return n, nil
}

// undo cuts off what a write that failed has left, so that it does not stand there twice.
func (s *Sink) undo() error {
	info, err := os.Stat(s.o.Path)
	if err != nil || s.last == nil || !os.SameFile(info, s.last) || info.Size() <= s.last.Size() {
		return nil // open mends it
	}
	return os.Truncate(s.o.Path, s.last.Size())
}

// open opens the file, where it is not open or is not the one at its path.
func (s *Sink) open() error {
	if s.w != nil {
		if info, err := os.Stat(s.o.Path); err == nil && (s.last == nil || os.SameFile(info, s.last) && info.Size() == s.last.Size()) {
			return nil
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(s.o.Path), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(s.o.Path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close() // nothing was written
		return fmt.Errorf("%s: %w", s.o.Path, ErrLocked)
	}
	if s.last, err = mend(s.o.Path); err != nil {
		return errors.Join(err, lock.Close())
	}
	compression := "none"
	if s.o.Compress {
		compression = "gzip"
	}
	s.lock, s.w = lock, &timberjack.Logger{
		Filename: s.o.Path, MaxSize: int(max(s.o.MaxBytes>>20, 1)), MaxBackups: s.o.Keep, Compression: compression, FileMode: 0o600,
	}
	return nil
}

// Close implements output.Sink.
func (s *Sink) Close() error {
	if s.w == nil {
		return nil
	}
	err := errors.Join(s.w.Close(), s.lock.Close())
	s.w, s.lock = nil, nil
	return err
}

// mend cuts off what stands behind the last end of a line, and returns the file then; nil
// where there is none.
func mend(path string) (info os.FileInfo, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", path)
	}
	whole, err := lastEnd(f, info.Size())
	if err != nil || whole == info.Size() {
		return info, err
	}
	if err := errors.Join(f.Truncate(whole), f.Sync()); err != nil {
		return nil, err
	}
	return f.Stat()
}

// lastEnd returns the offset behind the last end of a line.
func lastEnd(f io.ReaderAt, size int64) (int64, error) {
	const step = 64 << 10
	b := make([]byte, step)
	for size > 0 {
		from := max(0, size-step)
		part := b[:size-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		size = from
	}
	return 0, nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
