package ipc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a connection, as the kernel says, and what
// it says of itself.
type Peer struct {
	PID, UID, GID int
	// Name and Role are the client's own words; policy decides what of them
	// holds.
	Name, Role string
	// pidfd is the process itself, so that a pid that has come to mean another
	// is noticed; held from accept to Admit, where the kernel has it.
	pidfd int
	held  bool
	gone  bool // the process had ended before it could be looked at
}

// soPeerPidFD is SO_PEERPIDFD of asm-generic/socket.h, since Linux 6.5.
const soPeerPidFD = 77

// peerOf asks the kernel who connected. The credentials are those at the time
// of connect(2).
func peerOf(fd int) (Peer, error) {
	var p Peer
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return p, os.NewSyscallError("getsockopt SO_PEERCRED", err)
	}
	p.PID, p.UID, p.GID = int(cred.Pid), int(cred.Uid), int(cred.Gid)
	pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, soPeerPidFD)
	switch err {
	case nil:
		p.pidfd, p.held = pidfd, true // close-on-exec already
	case unix.ENOPROTOOPT: // an older kernel
	case unix.EMFILE, unix.ENFILE:
		return p, os.NewSyscallError("getsockopt SO_PEERPIDFD", err)
	default: // it ended and was waited for: its pid may mean another by now
		p.gone = true
	}
	return p, nil
}

// Alive returns nil as long as PID means the process that connected, and
// os.ErrProcessDone when that has ended. A policy that decides by PID asks it
// after its decision. Before Linux 6.5 nobody can tell, and it is nil.
func (p *Peer) Alive() error {
	if p.gone {
		return os.ErrProcessDone
	}
	if !p.held {
		return nil
	}
	err := unix.PidfdSendSignal(p.pidfd, 0, nil, 0)
	switch err {
	case nil, unix.EPERM: // there, and not ours
		return nil
	case unix.ESRCH:
		return os.ErrProcessDone
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// Executable returns the path of the program that the peer runs: of the process
// that connected, as far as Alive can tell.
func (p *Peer) Executable() (string, error) {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(p.PID) + "/exe")
	if err != nil {
		return "", err
	}
	// Still alive after the look: then the pid meant this process all along.
	return exe, p.Alive()
}

func (p *Peer) close() {
	if p.held {
		unix.Close(p.pidfd)
		p.held = false
	}
}
