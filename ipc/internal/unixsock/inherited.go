package unixsock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

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
			break // there are fewer than LISTEN_FDS has
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
		return nil, NewOpError("listen", addr.Name, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		if lk != nil {
			err = errors.Join(err, lk.unlock())
		}
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &Listener{path: addr.Name, fd: fd, lock: lk, inherited: true}
	if filepath.IsAbs(addr.Name) {
		l.bound, _ = inodeOf(addr.Name) // it may lie in another mount namespace
	}
	return l, nil
}

// lockInherited takes the lock beside a socket that has a path, where this process can
// write there.
func lockInherited(path string) (*lockFile, error) {
	if !filepath.IsAbs(path) { // an abstract address, or no address
		return nil, nil
	}
	lk, err := lock(path)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return lk, err
}
