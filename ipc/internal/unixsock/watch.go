package unixsock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var (
	// ErrLost means that a server's socket is not at its path any more: it was removed,
	// as the end of a session does, or another file has its place.
	ErrLost = errors.New("the socket is lost")
	// ErrRebound means that a socket was lost, and that the server has bound it anew.
	ErrRebound = errors.New("the socket was lost, and is bound anew")
)

// Check reports whether clients still find the socket, and other servers its lock; the
// error states what has become of them. As long as the socket is open its inode lives, and
// so does that of the lock, so that no other file can have their numbers.
func (l *Listener) Check() error {
	if l.bound == (inode{}) {
		return nil
	}
	if err := isAt(l.path, l.bound); err != nil || l.lock == nil {
		return err
	}
	return isAt(lockPath(l.path), l.lock.inode)
}

// isAt returns an error with the reason why the file is not at path.
func isAt(path string, file inode) error {
	switch now, err := inodeOf(path); {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%s was removed", path)
	case err != nil:
		return err
	case now != file:
		return fmt.Errorf("another file is at %s", path)
	}
	return nil
}

// Rebind makes a socket at the path again, after Check has failed. It makes directories
// that Listen made, and no others. Where another server has the path the error is an
// *InUseError with its pid; that server is left alone. A socket that a service manager
// passed is the manager's to bind.
//
// old is the descriptor that was listened to before, and the caller's to close; -1 where
// it is still the one to listen to. After an error nothing has changed, but for
// directories and the lock.
func (l *Listener) Rebind() (old int, err error) {
	lost := isAt(l.path, l.bound) != nil
	if lost && l.inherited {
		return -1, errors.New("the service manager that passed it has to bind it")
	}
	if lost {
		if err := remakeDir(l.path, l.made); err != nil {
			return -1, err
		}
	}
	if err := l.relock(); err != nil || !lost {
		return -1, err
	}
	if pid, lives := server(l.path); lives {
		return -1, &InUseError{Path: l.path, PID: pid}
	}
	fd, bound, err := bind(l.path)
	if err != nil {
		return -1, err
	}
	old, l.fd, l.bound = l.fd, fd, bound
	return old, nil
}

// relock takes the lock beside the socket, where the one that is held is not that any
// more.
func (l *Listener) relock() error {
	if l.lock == nil || isAt(lockPath(l.path), l.lock.inode) == nil {
		return nil
	}
	lk, err := lock(l.path)
	if err != nil {
		return err
	}
	err = l.lock.unlock()
	l.lock = lk
	return err
}

// server reports whether a process listens at path, and which. It is for servers that
// do not keep to the lock.
func server(path string) (pid int, lives bool) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	switch unix.Connect(fd, &unix.SockaddrUnix{Name: path}) {
	case nil:
	case unix.EAGAIN: // its backlog is full
		return 0, true
	default:
		return 0, false
	}
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, true
	}
	return int(cred.Pid), true
}

// remakeDir makes the directories of made again, where they are missing, and checks the
// one that path lies in.
func remakeDir(path string, made []string) error {
	for _, dir := range made {
		if err := os.Mkdir(dir, modeOf(dir, path)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return checkDir(path)
}
