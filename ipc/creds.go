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
	// pidfd pins the process, so that its pid cannot come to mean another; -1
	// where the kernel has none (before Linux 6.5).
	pidfd int
}

// soPeerPidFD is SO_PEERPIDFD of asm-generic/socket.h, since Linux 6.5.
const soPeerPidFD = 77

// peerOf asks the kernel who connected. The credentials are those at the time
// of connect(2).
func peerOf(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, os.NewSyscallError("getsockopt SO_PEERCRED", err)
	}
	p := Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid), pidfd: -1}
	if pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, soPeerPidFD); err == nil {
		p.pidfd = pidfd
		unix.CloseOnExec(pidfd)
	}
	return p, nil
}

// Executable returns the path of the program that the peer runs. With a pidfd
// it is sure to be the process that connected, or an error.
func (p *Peer) Executable() (string, error) {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(p.PID) + "/exe")
	if err != nil {
		return "", err
	}
	if p.pidfd >= 0 {
		// Still alive after the look: then the pid meant this process all along.
		if err := unix.PidfdSendSignal(p.pidfd, 0, nil, 0); err != nil {
			return "", os.NewSyscallError("pidfd_send_signal", err)
		}
	}
	return exe, nil
}

func (p *Peer) close() {
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
		p.pidfd = -1
	}
}
