package unixsock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Listener is a bound Unix socket, with the lock that proves that it is this
// process's. Close it, unless a server has taken it over.
type Listener struct {
	path string
	fd   int
	lock *lockFile // nil beside an inherited socket whose directory this process cannot write
	// bound is the file of the socket; 0 where it has none that this process can see.
	bound inode
	// inherited is a socket that a service manager bound, and removes.
	inherited bool
	made      []string // directories that Listen made, the outermost first
}

// inode identifies a file, even when another file has its name by now.
type inode struct{ dev, ino uint64 }

func inodeOf(path string) (inode, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return inode{uint64(st.Dev), st.Ino}, os.NewSyscallError("lstat", err)
}

// Listen binds path: it makes the directory, mode 0700, and the socket, mode
// 0600, and takes over a socket that a dead server left behind. When a living
// one has the socket, the error is an *InUseError with its pid.
func Listen(path string) (*Listener, error) {
	l, err := listen(path)
	return l, NewOpError("listen", path, err)
}

func listen(path string) (_ *Listener, err error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	made, err := makeDir(path)
	if err != nil {
		return nil, err
	}
	lk, err := lock(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lk.unlock())
		}
	}()
	fd, bound, err := bind(path)
	if err != nil {
		return nil, err
	}
	return &Listener{path: path, fd: fd, lock: lk, bound: bound, made: made}, nil
}

// bind makes a socket at path, and listens to it; the lock is held.
func bind(path string) (fd int, bound inode, err error) {
	if err := removeStale(path); err != nil {
		return -1, bound, err
	}
	if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return -1, bound, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	// The directory is closed to others, so the moment between bind and chmod is no
	// chance for them.
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return -1, bound, os.NewSyscallError("bind", err)
	}
	if err := unix.Chmod(path, 0o600); err != nil {
		return -1, bound, os.NewSyscallError("chmod", err)
	}
	if bound, err = inodeOf(path); err != nil {
		return -1, bound, err
	}
	if err := unix.Listen(fd, 128); err != nil {
		return -1, bound, os.NewSyscallError("listen", err)
	}
	return fd, bound, nil
}

// removeStale removes a socket whose server is dead; the lock is held. A file of that
// name that is no socket stays, and is an error.
func removeStale(path string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(path, &st); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return os.NewSyscallError("lstat", err)
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("%s exists and is not a socket: choose another path", path)
	}
	return os.NewSyscallError("unlink", unix.Unlink(path))
}

// Path returns where the socket is.
func (l *Listener) Path() string { return l.path }

// FD returns the descriptor that connections are accepted from.
func (l *Listener) FD() int { return l.fd }

// Close stops listening, removes the socket if it is still the one that Listen
// bound, and lets go of the lock. It may be called again.
func (l *Listener) Close() error {
	if l.fd < 0 {
		return nil
	}
	var err error
	if l.bound != (inode{}) && !l.inherited {
		err = l.remove() // before the close, because the inode lives only as long
	}
	err = errors.Join(err, os.NewSyscallError("close", unix.Close(l.fd)))
	l.fd = -1
	if l.lock != nil {
		err = errors.Join(err, l.lock.unlock())
	}
	return err
}

func (l *Listener) remove() error {
	now, err := inodeOf(l.path)
	if err == nil && now == l.bound {
		err = os.NewSyscallError("unlink", unix.Unlink(l.path))
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}
