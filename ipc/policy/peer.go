package policy

import (
	"os"
	"strconv"
	"strings"
	"syscall"
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
// that connected, as far as Alive can tell. If the file was deleted or replaced since the
// process began, it is the path that it had: an upgrade does not make a running program
// another one. Who can replace the file decides anyway what runs under its path.
func (p *Peer) Executable() (string, error) {
	link := "/proc/" + strconv.Itoa(p.PID) + "/exe"
	exe, err := os.Readlink(link)
	if err == nil {
		exe, err = withoutRemark(link, exe)
	}
	if err != nil {
		return "", err
	}
	// A process that lives now has had the pid all along.
	return exe, p.Alive()
}

// deletedSuffix is what the kernel writes behind the path of a file that was deleted. A
// file's own name may end in the same.
const deletedSuffix = " (deleted)"

// withoutRemark returns path, which link reads, without the kernel's remark that the file
// was deleted. The path has no remark if that very file is there, seen from here or from
// the process. If that cannot be found out, it is an error, because the path may be either.
func withoutRemark(link, path string) (string, error) {
	name, ok := strings.CutSuffix(path, deletedSuffix)
	if !ok {
		return path, nil
	}
	target, err := os.Stat(link)
	if err != nil {
		return "", err
	}
	if st, ok := target.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		return name, nil
	}
	for _, root := range []string{"", strings.TrimSuffix(link, "exe") + "root"} {
		if file, err := os.Stat(root + path); err == nil && os.SameFile(file, target) {
			return path, nil
		}
	}
	return name, nil // it has another name, and had this one
}
