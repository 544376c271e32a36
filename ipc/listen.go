package ipc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Listener is a bound Unix socket, with the lock that proves it ours. Close it
// unless a server took it over.
type Listener struct {
	path string
	fd   int
	lock *lockFile // nil where an inherited socket's directory takes none
	// made is the file that Listen bound; 0 for a socket that somebody else
	// bound, which is theirs to remove.
	made inode
}

// inode identifies a file, whatever has its name by now.
type inode struct{ dev, ino uint64 }

func inodeOf(path string) (inode, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return inode{uint64(st.Dev), st.Ino}, os.NewSyscallError("lstat", err)
}

// Listen binds path: it makes the directory, mode 0700, and the socket, mode
// 0600, and takes over a socket that a dead server left behind. When a living
// one has it, the error is an *InUseError with its pid.
func Listen(path string) (*Listener, error) {
	l, err := listen(path)
	return l, opError("listen", path, err)
}

func listen(path string) (_ *Listener, err error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
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
	if err := removeStale(path); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	// The directory is closed to others, so the moment between bind and chmod
	// is nobody's chance.
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Chmod(path, 0o600); err != nil {
		return nil, os.NewSyscallError("chmod", err)
	}
	made, err := inodeOf(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, 128); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return &Listener{path: path, fd: fd, lock: lk, made: made}, nil
}

// removeStale removes a socket whose server is dead; the lock is held. Anything
// else of that name is not ours to remove.
func removeStale(path string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(path, &st); {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return os.NewSyscallError("lstat", err)
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return fmt.Errorf("%s exists and is not a socket: move it away", path)
	}
	return os.NewSyscallError("unlink", unix.Unlink(path))
}

// firstInherited is the first descriptor that socket activation passes.
const firstInherited = 3

// Inherited returns the listening socket that a service manager passed by the
// LISTEN_FDS protocol (sd_listen_fds(3)), or nil when it passed none. It takes the
// lock as Listen does, and fails with an *InUseError when another has it; where the
// socket's directory is not this process's to write into, it goes without. The
// socket stays when the Listener is closed. No descriptor that was passed goes on
// to programs that this one starts.
func Inherited() (*Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 1 {
		return nil, nil
	}
	for fd := firstInherited; fd < firstInherited+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			break // there are no more
		}
	}
	if n > 1 {
		return nil, fmt.Errorf("ipc: LISTEN_FDS passes %d sockets, want one", n)
	}
	return inherit(firstInherited)
}

func inherit(fd int) (_ *Listener, err error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("ipc: LISTEN_FDS: descriptor %d is not a socket: %w", fd, err)
	}
	addr, ok := sa.(*unix.SockaddrUnix)
	if !ok {
		return nil, fmt.Errorf("ipc: LISTEN_FDS: descriptor %d is not a Unix socket", fd)
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return nil, fmt.Errorf("ipc: LISTEN_FDS: descriptor %d is not a stream socket (ListenStream= in systemd)", fd)
	}
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return nil, fmt.Errorf("ipc: LISTEN_FDS: descriptor %d is not a listening socket", fd)
	}
	lk, err := lockInherited(addr.Name)
	if err != nil {
		return nil, opError("listen", addr.Name, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		if lk != nil {
			err = errors.Join(err, lk.unlock())
		}
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &Listener{path: addr.Name, fd: fd, lock: lk}, nil
}

// lockInherited takes the lock beside a socket that has a place, where it can.
func lockInherited(path string) (*lockFile, error) {
	if !filepath.IsAbs(path) { // an abstract address, or none
		return nil, nil
	}
	lk, err := lock(path)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return lk, err
}

// Path returns where the socket is.
func (l *Listener) Path() string { return l.path }

// Close stops listening, removes the socket if it is still the one that Listen
// bound, and lets go of the lock. It may be called again.
func (l *Listener) Close() error {
	if l.fd < 0 {
		return nil
	}
	err := os.NewSyscallError("close", unix.Close(l.fd))
	l.fd = -1
	if l.made != (inode{}) {
		err = errors.Join(err, l.remove())
	}
	if l.lock != nil {
		err = errors.Join(err, l.lock.unlock())
	}
	return err
}

func (l *Listener) remove() error {
	now, err := inodeOf(l.path)
	if err == nil && now == l.made {
		err = os.NewSyscallError("unlink", unix.Unlink(l.path))
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
