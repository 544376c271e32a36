package ebpf

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// self is struct self of c/kit.h.
type self struct {
	PID    uint32
	_      uint32
	MonoNs uint64
	BootNs uint64
}

// askSelf runs a program that reports which pid the kernel gives us, and refuses when the
// processes at root are numbered in another way: records would name the wrong ones.
func (p *Programs) askSelf(root string) error {
	root = cmp.Or(root, "/proc")
	own, err := os.Readlink(filepath.Join(root, "self"))
	if err != nil {
		return fmt.Errorf("ebpf: %w", err)
	}
	pid, err := strconv.ParseUint(own, 10, 32)
	if err != nil {
		return fmt.Errorf("ebpf: %s: %w", filepath.Join(root, "self"), err)
	}
	if _, err := p.collection.Programs[selfProgram].Run(&ebpf.RunOptions{}); err != nil {
		return classify(fmt.Errorf("running a program: %w", err))
	}
	var s self
	if err := p.collection.Maps[selfMap].Lookup(uint32(0), &s); err != nil {
		return classify(err)
	}
	if uint64(s.PID) != pid {
		return refuse(ReasonNamespace, fmt.Sprintf("the kernel's pid of this process is %d, and %s has %d", s.PID, root, pid), unix.ESRCH)
	}
	return nil
}
