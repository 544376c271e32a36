package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/event"
)

// fanotifyMask is what we ask for. Content counts when it is written, and once more when
// the writer closes, because what is written through memory shows only then.
const fanotifyMask = unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_RENAME | unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE | unix.FAN_ATTRIB | unix.FAN_ONDIR

// fanotify is a source that watches whole filesystems, and leaves out what is outside of
// the trees: a directory that is made in a tree is watched before it has anything in it.
type fanotify struct {
	file    *os.File
	fd      int // of file
	handles *handles
}

// openFanotify opens the source, and marks each filesystem that a tree is on.
func openFanotify(t *trees) (*fanotify, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_REPORT_DFID_NAME|unix.FAN_REPORT_PIDFD, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fanotify_init", err)
	}
	f := &fanotify{file: os.NewFile(uintptr(fd), "fanotify"), handles: newHandles(t), fd: fd}
	f.handles.leaveOut = f.leaveOut
	if err := f.mark(fd, t); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fanotify) mark(fd int, t *trees) error {
	roots := t.roots()
	for _, root := range roots {
		if err := f.markOne(fd, existing(root)); err != nil {
			return err
		}
	}
	// A filesystem that is mounted in a tree is one more. Some cannot be marked, such as
	// those of the kernel: they stay as they are without us.
	for _, dir := range mounts() {
		for _, root := range roots {
			if strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/") && t.judge(dir) != outside {
				_ = f.markOne(fd, dir)
			}
		}
	}
	if len(f.handles.mounts) == 0 {
		return errors.New("no tree to watch")
	}
	return nil
}

// markOne marks the filesystem that a directory is on, if that was not done before.
func (f *fanotify) markOne(fd int, dir string) error {
	fresh, err := f.handles.add(dir)
	if err != nil || !fresh {
		return err
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, fanotifyMask, unix.AT_FDCWD, dir); err != nil {
		return fmt.Errorf("fanotify_mark %s: %w", dir, err)
	}
	// Handles are of no use to whoever may not open them.
	if err := f.probe(dir); err != nil {
		return fmt.Errorf("open a file by its handle in %s: %w", dir, err)
	}
	return nil
}

// mounts returns where filesystems are mounted.
func mounts() (dirs []string) {
	all, err := procfs.GetMounts()
	if err != nil {
		return nil
	}
	for _, m := range all {
		dirs = append(dirs, m.MountPoint) // one with a space in its name cannot be found by that
	}
	return dirs
}

// errNoProc means that paths cannot be found, because procfs has them.
var errNoProc = errors.New("no procfs is mounted at /proc")

// probe opens a directory by its handle, and finds its path.
func (f *fanotify) probe(dir string) error {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, dir, 0)
	if err != nil {
		return err
	}
	for _, mount := range f.handles.mounts {
		fd, err := unix.OpenByHandleAt(int(mount.Fd()), h, unix.O_PATH|unix.O_CLOEXEC)
		if err == nil {
			_, err = os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
			unix.Close(fd)
			if err != nil {
				return errNoProc
			}
			return nil
		}
		if errors.Is(err, unix.EPERM) {
			return err
		}
	}
	return nil
}

// existing returns the longest part of a path that is there.
func existing(p string) string {
	for {
		if st, err := os.Stat(p); err == nil && st.IsDir() || p == "/" {
			return p
		}
		p = parent(p)
	}
}

func (f *fanotify) close() {
	f.file.Close()
	f.handles.close()
}

// complete implements source: a filesystem that is watched has no directory that is not.
func (f *fanotify) complete() bool { return true }

// ignored is what the kernel leaves out of a directory that is outside of the trees. It is
// not renames: one may lead into a tree.
const ignored = (fanotifyMask &^ unix.FAN_RENAME) | unix.FAN_EVENT_ON_CHILD

// leaveOut has the kernel leave out a directory that is outside of the trees, so that what
// happens there costs nothing from now on. The mark goes when the kernel needs the memory of
// the directory for another one. A kernel before 6.0 has no such marks: we leave it out.
func (f *fanotify) leaveOut(dir, link string) {
	if f.handles.trees.judge(dir) == outside {
		_ = unix.FanotifyMark(f.fd, unix.FAN_MARK_ADD|unix.FAN_MARK_IGNORE_SURV|unix.FAN_MARK_EVICTABLE, ignored, unix.AT_FDCWD, link)
	}
}

// watch implements source: what has arrived in a tree is not left out any more.
func (f *fanotify) watch(dir string) error {
	_ = unix.FanotifyMark(f.fd, unix.FAN_MARK_REMOVE|unix.FAN_MARK_IGNORE_SURV, ignored, unix.AT_FDCWD, dir) // as a rule it was not
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it has gone
	}
	for _, e := range entries {
		if e.IsDir() {
			_ = f.watch(filepath.Join(dir, e.Name())) // it never fails
		}
	}
	return nil
}

// receive implements source.
func (f *fanotify) receive(ctx context.Context, q *receive.Queue) error {
	return q.Receive(ctx, receive.File(f.file))
}

// parse implements source.
func (f *fanotify) parse(b []byte, take func(*change)) (overflow bool, err error) {
	for len(b) > 0 {
		var r record
		if r, b, err = nextRecord(b); err != nil {
			return overflow, err
		}
		if r.mask&unix.FAN_Q_OVERFLOW != 0 {
			overflow = true
			continue
		}
		f.change(&r, take)
		if r.pidfd >= 0 {
			unix.Close(r.pidfd)
		}
	}
	return overflow, nil
}

func (f *fanotify) change(r *record, take func(*change)) {
	c := change{directory: r.mask&unix.FAN_ONDIR != 0, closed: r.mask&unix.FAN_CLOSE_WRITE != 0, pid: r.pid, pidfd: r.pidfd}
	renamed := r.mask&unix.FAN_RENAME != 0
	if renamed && c.directory {
		f.handles.forget()
	}
	path, ok := f.handles.path(&r.place)
	if renamed {
		c.previous, _ = f.handles.path(&r.previous)
		switch {
		case path == "" && c.previous == "":
			return
		case path == "": // it left the trees
			path = f.handles.anywhere(&r.place)
		case c.previous == "":
			c.previous = f.handles.anywhere(&r.previous)
		}
	} else if !ok {
		return
	}
	c.path = path
	for _, x := range [...]struct {
		mask uint64
		op   event.Operation
	}{
		{unix.FAN_CREATE, event.OpCreate}, {unix.FAN_DELETE, event.OpDelete}, {unix.FAN_RENAME, event.OpRename},
		{unix.FAN_MODIFY, event.OpModify}, {unix.FAN_ATTRIB, event.OpAttributes},
	} {
		if r.mask&x.mask != 0 {
			c.operations |= event.OperationSet(x.op)
		}
	}
	take(&c)
}

// settle implements source: nothing is kept back.
func (f *fanotify) settle(func(*change)) bool { return false }
