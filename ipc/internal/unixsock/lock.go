package unixsock

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile is held as long as a server lives. The kernel releases the lock however the
// process ends, so a lock that can be taken proves that the socket beside it is stale,
// and a server need not guess by connecting to it. The file itself stays, because
// removing it would let two servers hold locks on two files of one name.
type lockFile struct {
	f     *os.File
	inode inode
}

// lockPath returns where the lock of a socket at path is.
func lockPath(path string) string { return path + ".lock" }

// lock takes the lock beside the socket. When another process has it, the error is an
// *InUseError. A file that was removed before it could be locked is left, because another
// server may have made the next one.
func lock(path string) (*lockFile, error) {
	for {
		l, err := openLock(path)
		if err != nil || isAt(lockPath(path), l.inode) == nil {
			return l, err
		}
		if err := l.unlock(); err != nil {
			return nil, err
		}
	}
}

func openLock(path string) (_ *lockFile, err error) {
	f, err := os.OpenFile(lockPath(path), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = &InUseError{Path: path, PID: holder(f)}
		}
		return nil, err
	}
	if err := writeHolder(f); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	return &lockFile{f, inode{uint64(st.Dev), st.Ino}}, nil
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder reads the pid of the process that wrote the file; 0 when it holds no number.
func holder(f *os.File) int {
	var b [32]byte
	n, err := f.ReadAt(b[:], 0)
	if n == 0 && err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// unlock releases the lock by itself, and not with the file alone: a process that is
// being forked at this moment has the file open too, until it executes.
func (l *lockFile) unlock() error {
	return errors.Join(os.NewSyscallError("flock", unix.Flock(int(l.f.Fd()), unix.LOCK_UN)), l.f.Close())
}
