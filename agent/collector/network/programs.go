package network

import (
	"cmp"
	_ "embed"
	"os"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

//go:embed bpf/network.o
var object []byte

// ringBytes is the size of the kernel's ring, which is resident in our memory. A
// connection over loopback is four records of 144 bytes, so that 1,800 of them fit in while
// we do not read.
const ringBytes = 1 << 20

// programs are the kernel's program of bpf/network.c.
type programs struct {
	loaded    *ebpf.Programs
	ahead     clock.Ahead
	namespace uint32 // of the network, the one that sock_diag lists
	judgeHere bool   // nothing is left out in the kernel
}

// own is struct own of bpf/network.c, in the map of that name.
type own struct{ Namespace, Listed uint32 }

const ownMap = "own"

// programOptions are what tests choose. The zero value is what the host has.
type programOptions struct {
	object []byte
	dns    []byte // the object that sees queries
	btf    string
	ring   int

	judgeHere bool // leave nothing out in the kernel
}

// openPrograms loads the program, which does not run yet.
func openPrograms(o *Options) (*programs, error) {
	chosen := o.programs
	if chosen.object == nil {
		chosen.object = object
	}
	ahead, err := clock.ReadAhead(o.Host.Root)
	if err != nil {
		return nil, err
	}
	// The thread may be in another namespace than the process, and it is us who list.
	const ownNamespace = "/proc/thread-self/ns/net"
	var st unix.Stat_t
	if err := unix.Stat(ownNamespace, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: ownNamespace, Err: err}
	}
	p, err := ebpf.Load(chosen.object, ebpf.Options{Ring: cmp.Or(chosen.ring, ringBytes), BTF: chosen.btf, Root: o.Host.Root})
	if err != nil {
		return nil, err
	}
	x := &programs{p, ahead, uint32(st.Ino), chosen.judgeHere}
	if err := p.Put(ownMap, own{Namespace: x.namespace}); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

func (p *programs) close() { p.loaded.Close() }
