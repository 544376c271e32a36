package filesystem

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/event"
)

// retarget watches other trees from now on. Records go on coming in meanwhile; those of what
// is watched in both are judged as before. If ctx ends before all that is new has been looked
// at, a comparison after a loss takes the rest for new.
func (t *tracker) retarget(ctx context.Context, next *trees) error {
	if err := t.source.retarget(next); errors.Is(err, errWatches) {
		t.notAll(err)
	} else if err != nil {
		return err
	}
	t.trees = next
	for path, s := range t.index.files {
		if v := next.judge(path); !t.mine(v, true, &s) {
			t.index.remove(path)
			delete(t.waiting, path)
		}
	}
	t.fill(ctx)
	return nil
}

// notAll announces once that there is no room for a directory.
func (t *tracker) notAll(err error) {
	if !t.crowded {
		t.crowded = true
		t.emitter.Gap(event.Loss{Reason: "directories: not all are watched: " + err.Error()}, t.clock.Now())
	}
}

// adjust has the next changes counted against another limit.
func (b *bulk) adjust(limit int, window time.Duration) {
	b.limit, b.window = uint64(limit), int64(window)
}

// retarget implements source. A filesystem on which no tree is any more stays marked until the
// source is opened anew: what happens there is left out.
func (f *fanotify) retarget(next *trees) error {
	if err := f.mark(f.fd, next); err != nil {
		return err
	}
	// What the kernel leaves out because it was outside may be in a tree now. This takes away
	// the marks of directories, and not those of filesystems.
	if err := unix.FanotifyMark(f.fd, unix.FAN_MARK_FLUSH, 0, unix.AT_FDCWD, "/"); err != nil {
		return os.NewSyscallError("fanotify_mark", err)
	}
	f.handles.trees = next
	f.handles.forget()
	return nil
}

// retarget implements source.
func (i *inotify) retarget(next *trees) error {
	i.trees, i.limit = next, 0
	for dir, wd := range i.wds {
		if next.judge(dir) == outside {
			_, _ = unix.InotifyRmWatch(i.fd, uint32(wd)) // it may have ended
			delete(i.wds, dir)
			delete(i.paths, wd)
		}
	}
	return i.watch("/")
}
