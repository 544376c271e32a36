package filesystem

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/event"
)

const inotifyMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_CLOSE_WRITE |
	unix.IN_ATTRIB | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_EXCL_UNLINK

// inotify is a source that watches each directory of the trees, and those in which one may
// come to be. It does not know who did it.
type inotify struct {
	file  *os.File
	fd    int
	trees *trees

	// owned by the parser
	paths map[int32]string // by watch
	wds   map[string]int32
	moved map[uint32]moved // by cookie: what left a directory and may turn up in another one
	limit int              // directories that could not be watched
}

// moved is the first half of a rename.
type moved struct {
	path      string
	directory bool
	old       bool // it was there at the last settle already
}

// openInotify opens the source, and watches all directories that there are.
func openInotify(t *trees) (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("inotify_init1: fs.inotify.max_user_instances is reached, or the limit of open files: %w", err)
	}
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	i := &inotify{
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, trees: t, paths: make(map[int32]string), wds: make(map[string]int32), moved: make(map[uint32]moved),
	}
	if err := i.watch("/"); err != nil && !errors.Is(err, errWatches) {
		i.close()
		return nil, err
	}
	return i, nil
}

func (i *inotify) close() { i.file.Close() }

// complete implements source.
func (i *inotify) complete() bool { return false }

// errWatches means that the user has as many watches as the kernel allows.
var errWatches = errors.New("fs.inotify.max_user_watches is reached")

// watch implements source. A directory that has gone, or that we may not read, is left
// out. Who calls it looks into the directory after it, so that nothing is missed between
// the two.
func (i *inotify) watch(dir string) error {
	if i.trees.judge(dir) == outside {
		return nil
	}
	wd, err := unix.InotifyAddWatch(i.fd, dir, inotifyMask)
	switch {
	case errors.Is(err, unix.ENOSPC):
		i.limit++
		return fmt.Errorf("watch %s: %w", dir, errWatches)
	case err != nil:
		return nil
	}
	i.paths[int32(wd)], i.wds[dir] = dir, int32(wd)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			if werr := i.watch(filepath.Join(dir, e.Name())); werr != nil {
				err = werr
			}
		}
	}
	return err
}

// receive implements source.
func (i *inotify) receive(ctx context.Context, q *receive.Queue) error {
	return q.Receive(ctx, receive.File(i.file))
}

// inotifyHead is the size of struct inotify_event without the name.
const inotifyHead = 16

var errInotify = errors.New("inotify: a record that makes no sense")

// parse implements source.
func (i *inotify) parse(b []byte, take func(*change)) (overflow bool, err error) {
	ne := binary.NativeEndian
	for len(b) > 0 {
		if len(b) < inotifyHead {
			return overflow, errInotify
		}
		wd, mask, cookie, n := int32(ne.Uint32(b)), ne.Uint32(b[4:]), ne.Uint32(b[8:]), int(ne.Uint32(b[12:]))
		if n < 0 || n > len(b)-inotifyHead {
			return overflow, errInotify
		}
		name, _, _ := bytes.Cut(b[inotifyHead:inotifyHead+n], []byte{0})
		b = b[inotifyHead+n:]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			overflow = true
		case mask&unix.IN_IGNORED != 0:
			i.ignored(wd)
		case len(name) > 0: // what a directory reports of itself its parent reports too
			if dir, ok := i.paths[wd]; ok {
				i.change(filepath.Join(dir, string(name)), mask, cookie, take)
			}
		}
	}
	return overflow, nil
}

// ignored notes that a watch has ended, because its directory has.
func (i *inotify) ignored(wd int32) {
	if dir, ok := i.paths[wd]; ok {
		delete(i.paths, wd)
		if i.wds[dir] == wd {
			delete(i.wds, dir)
		}
	}
}

func (i *inotify) change(path string, mask, cookie uint32, take func(*change)) {
	c := &change{path: path, directory: mask&unix.IN_ISDIR != 0, closed: mask&unix.IN_CLOSE_WRITE != 0, pidfd: -1}
	switch {
	case mask&unix.IN_MOVED_FROM != 0:
		i.moved[cookie] = moved{path: path, directory: c.directory}
		return
	case mask&unix.IN_MOVED_TO != 0:
		from, ok := i.moved[cookie]
		delete(i.moved, cookie)
		if c.operations = event.OperationSet(event.OpCreate); ok {
			c.operations, c.previous = event.OperationSet(event.OpRename), from.path
			if c.directory {
				i.rename(from.path, path)
			}
		}
	default:
		for _, x := range [...]struct {
			mask uint32
			op   event.Operation
		}{
			{unix.IN_CREATE, event.OpCreate}, {unix.IN_DELETE, event.OpDelete},
			{unix.IN_MODIFY, event.OpModify}, {unix.IN_ATTRIB, event.OpAttributes},
		} {
			if mask&x.mask != 0 {
				c.operations |= event.OperationSet(x.op)
			}
		}
	}
	take(c)
}

// rename gives a directory, and those below it, the paths that they have now; empty for
// none that we know.
func (i *inotify) rename(from, to string) {
	for dir, wd := range i.wds {
		rest, ok := strings.CutPrefix(dir, from)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		delete(i.wds, dir)
		if to == "" || i.trees.judge(to+rest) == outside {
			_, _ = unix.InotifyRmWatch(i.fd, uint32(wd)) // it may have ended
			delete(i.paths, wd)
			continue
		}
		i.paths[wd] = to + rest
		defer func() { i.wds[to+rest] = wd }()
	}
}

// settle implements source: what left a directory and did not turn up in another one has
// left the trees.
func (i *inotify) settle(take func(*change)) bool {
	for cookie, m := range i.moved {
		if !m.old {
			m.old = true
			i.moved[cookie] = m
			continue
		}
		delete(i.moved, cookie)
		if m.directory {
			i.rename(m.path, "")
		}
		take(&change{path: m.path, directory: m.directory, operations: event.OperationSet(event.OpDelete), left: true, pidfd: -1})
	}
	return len(i.moved) > 0
}
