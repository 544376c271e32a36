package filesystem

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/capability"
	"github.com/daemoneye/eventbus/agent/collector/receive"
)

// Mode chooses the source of filesystem events.
type Mode string

// The modes.
const (
	ModeAuto     Mode = "auto"     // fanotify where it is permitted, inotify otherwise; the default
	ModeFanotify Mode = "fanotify" // fanotify or nothing
	ModeInotify  Mode = "inotify"  // inotify
)

// ErrUnavailable means that the kernel does not let us use fanotify here. With inotify it
// works all the same, without who did it.
var ErrUnavailable = errors.New("fanotify is not available")

// source is where changes come from.
type source interface {
	// receive moves what the kernel has into the queue until ctx ends, which is no error.
	receive(ctx context.Context, q *receive.Queue) error
	// parse calls take for each change in what was received. overflow means that the kernel
	// dropped something.
	parse(b []byte, take func(*change)) (overflow bool, err error)
	// complete reports whether a new directory is watched before it has anything in it.
	complete() bool
	// watch has a directory watched, and those below it. A source that is complete has
	// nothing to do.
	watch(dir string) error
	// retarget has other trees watched instead of those before. errWatches means that some of
	// their directories could not be watched; with any other error nothing has changed.
	retarget(t *trees) error
	// settle gives what parse kept back because more might have come, and reports whether
	// there is more of it.
	settle(take func(*change)) bool
	close()
}

// choose opens the source that mode asks for, and returns which it is and why. It fails only
// where mode leaves no choice.
func choose(mode Mode, t *trees) (source, string, error) {
	why := "as configured"
	if mode != ModeInotify {
		f, err := openFanotify(t)
		if err == nil {
			return f, "fanotify on whole filesystems, with who did it", nil
		}
		why = unavailable(err)
		if mode == ModeFanotify {
			return nil, "", fmt.Errorf("filesystem: mode fanotify: %w: %s: %w", ErrUnavailable, why, err)
		}
	}
	i, err := openInotify(t)
	if err != nil {
		return nil, "", fmt.Errorf("filesystem: %w", err)
	}
	return i, "inotify (" + why + "): who did it is not known", nil
}

// unavailable returns why fanotify cannot be used.
func unavailable(err error) string {
	switch {
	case errors.Is(err, errNoProc):
		return errNoProc.Error()
	case errors.Is(err, unix.EPERM):
		if lacking := capability.Lacking(capability.SysAdmin, capability.DACReadSearch); lacking != "" {
			return lacking
		}
		return "fanotify is not permitted, although the capabilities are there (user namespace, container, seccomp)"
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return "no fanotify with names and processes in this kernel"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EOPNOTSUPP):
		return "no fanotify on this filesystem"
	}
	return err.Error()
}
