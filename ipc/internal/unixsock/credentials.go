package unixsock

import (
	"os"

	"golang.org/x/sys/unix"
)

// Credentials state who is at the other end of a connection, as the kernel knows it: the
// process that called connect(2).
type Credentials struct {
	PID, UID, GID int
	// pidfd is the process itself, where the kernel has pidfds, so that it is noticed
	// when the pid has come to mean another process. It is held until Close.
	pidfd int
	held  bool
	gone  bool // the process had ended before pidfd could be opened
}

// soPeerPidFD is SO_PEERPIDFD of asm-generic/socket.h, since Linux 6.5.
const soPeerPidFD = 77

// CredentialsOf asks the kernel who connected.
func CredentialsOf(fd int) (Credentials, error) {
	var c Credentials
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return c, os.NewSyscallError("getsockopt SO_PEERCRED", err)
	}
	c.PID, c.UID, c.GID = int(cred.Pid), int(cred.Uid), int(cred.Gid)
	pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, soPeerPidFD)
	switch err {
	case nil:
		c.pidfd, c.held = pidfd, true // close-on-exec already
	case unix.ENOPROTOOPT: // an older kernel
	case unix.EMFILE, unix.ENFILE:
		return c, os.NewSyscallError("getsockopt SO_PEERPIDFD", err)
	default: // it ended and was waited for: its pid may mean another process by now
		c.gone = true
	}
	return c, nil
}

// Alive returns nil as long as PID means the process that connected, and
// os.ErrProcessDone when that process has ended. After Close, and before Linux 6.5, it
// is not known, and Alive returns nil.
func (c *Credentials) Alive() error {
	if c.gone {
		return os.ErrProcessDone
	}
	if !c.held {
		return nil
	}
	err := unix.PidfdSendSignal(c.pidfd, 0, nil, 0)
	switch err {
	case nil, unix.EPERM: // it is there, and perhaps of another user
		return nil
	case unix.ESRCH:
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// Close lets go of the handle on the process. It may be called again.
func (c *Credentials) Close() {
	if c.held {
		unix.Close(c.pidfd)
		c.held = false
	}
}
