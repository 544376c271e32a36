package unixsock

import (
	"os"

	"golang.org/x/sys/unix"
)

// Credentials are who is at the other end of a connection, as the kernel says: the
// process that called connect(2).
type Credentials struct {
	PID, UID, GID int
	// pidfd is the process itself, so that a pid that has come to mean another
	// is noticed, where the kernel has it; it is held until Close.
	pidfd int
	held  bool
	gone  bool // the process had ended before it could be looked at
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
	default: // it ended and was waited for: its pid may mean another by now
		c.gone = true
	}
	return c, nil
}

// Alive returns nil as long as PID means the process that connected, and
// os.ErrProcessDone when that has ended. After Close, and before Linux 6.5, nobody
// can tell, and it is nil.
func (c *Credentials) Alive() error {
	if c.gone {
		return os.ErrProcessDone
	}
	if !c.held {
		return nil
	}
	err := unix.PidfdSendSignal(c.pidfd, 0, nil, 0)
	switch err {
	case nil, unix.EPERM: // there, and not ours
		return nil
	case unix.ESRCH:
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// Close lets go of the process. It may be called again.
func (c *Credentials) Close() {
	if c.held {
		unix.Close(c.pidfd)
		c.held = false
	}
}
