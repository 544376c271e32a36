package policy

import (
	"os"
	"strconv"
)

// Peer is who is at the other end of a connection, as the kernel says, and what
// it says of itself.
type Peer struct {
	PID, UID, GID int
	// Name and Role are the client's own words; policy decides what of them
	// holds.
	Name, Role string
	// Process is the process that connected; nil where nobody watches it.
	Process Process
}

// Process is a process that may end, and leave its pid to another.
type Process interface {
	// Alive returns os.ErrProcessDone when the process has ended, and nil as long
	// as it lives, or where the kernel cannot tell.
	Alive() error
}

// Alive returns nil as long as PID means the process that connected, and
// os.ErrProcessDone when that has ended. A policy that decides by PID asks it
// after its decision. Before Linux 6.5 nobody can tell, and it is nil.
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
	// Still alive after the look: then the pid meant this process all along.
	return exe, p.Alive()
}
