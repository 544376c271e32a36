package reader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FileVariable names the configuration file where no flag does.
const FileVariable = envPrefix + "CONFIG"

// Bounds of what is read.
const (
	MaxFile  = 1 << 20 // bytes of one file
	MaxTotal = 4 << 20 // bytes of all files
	MaxFiles = 256     // in conf.d
)

// file is one that was read.
type file struct {
	path string
	text []byte
}

// listings is how often conf.d is listed at most, because a file of it vanished before
// it could be read.
const listings = 5

// readFiles reads all files. What cannot be read is a mistake, and noted.
func (l *loader) readFiles(s Sources) []file {
	if s.File == "" {
		return nil
	}
	// A default place in the home of another user is not this user's configuration.
	if _, err := os.Stat(s.File); s.Optional && errors.Is(err, fs.ErrPermission) {
		l.Warnings = append(l.Warnings, clean(s.File)+": not looked at: permission denied")
		return nil
	}
	var all []file
	text, err := l.read(s.File)
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err == nil:
		all = append(all, file{s.File, text})
	case !missing || !s.Optional:
		l.failFile(s.File, err)
	}
	for try := 1; ; try++ {
		parts, err := l.readFolder(filepath.Join(filepath.Dir(s.File), "conf.d"))
		if errors.Is(err, fs.ErrNotExist) && try < listings {
			continue // the listing is of another time than the files
		}
		var bad *fileError
		if errors.As(err, &bad) {
			l.failFile(bad.path, bad.err)
		}
		all = append(all, parts...)
		break
	}
	total := 0
	for i, f := range all {
		if total += len(f.text); total > MaxTotal {
			l.failFile(f.path, fmt.Errorf("%w: with those before it there are more than %d bytes", ErrTooLarge, MaxTotal))
			return all[:i]
		}
	}
	return all
}

func (l *loader) failFile(path string, err error) {
	reason := ErrFile
	if errors.Is(err, ErrTooLarge) {
		reason = ErrTooLarge
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // the path stands before it
	}
	l.Fail(reason, Origin{Layer: LayerFile, File: path}, "", ": %v", err)
}

// fileError is a file of a folder that cannot be read.
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// readFolder reads the files *.yaml in dir in the order of their names. Without dir
// there are none. An error that is fs.ErrNotExist is of a file that has vanished.
func (l *loader) readFolder(dir string) (all []file, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, &fileError{dir, err}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".yaml" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if len(all) == MaxFiles {
			return all, &fileError{path, fmt.Errorf("%w: there are more than %d files before it", ErrTooLarge, MaxFiles)}
		}
		text, err := l.read(path)
		if err != nil {
			return all, &fileError{path, err}
		}
		all = append(all, file{path, text})
	}
	return all, nil
}

var errNotRegular = errors.New("want a regular file")

// readFile reads a regular file of at most MaxFile bytes. It does not wait for a
// pipe's writer.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNotRegular
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		err = fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, MaxFile)
	}
	return text, err
}
