package policy

import (
	"os"
	"strconv"
)

// Peer is who is at the other end of a connection, as the kernel knows it and as it
// describes itself.
type Peer struct {
	PID, UID, GID int
	// Name and Role are what the client claims; the policy decides what of them holds.
	Name, Role string
	// Process is the process that connected; nil where it is not watched.
	Process Process
}

// Process is a process that may end, and whose pid may then mean another.
type Process interface {
	// Alive returns os.ErrProcessDone when the process has ended, and nil as long
	// as it lives, or where the kernel cannot tell.
	Alive() error
}

// Alive returns nil as long as PID means the process that connected, and
// os.ErrProcessDone when that process has ended. A policy that decides by PID calls it
// after its decision. Before Linux 6.5 the kernel cannot tell, and Alive returns nil.
func (p *Peer) Alive() error {
	if p.Process == nil {
		return nil
	}
	return p.Process.Alive()
}

// Executable returns the path of the program that the peer runs: of the process
// that connected, as far as Alive can tell.
func (p *Peer) Executable() (string, error) {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(p.PID) + "/exe")
	if err != nil {
		return "", err
	}
	// A process that lives now has had the pid all along.
	return exe, p.Alive()
}
