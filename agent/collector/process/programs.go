package process

import (
	"cmp"
	_ "embed"
	"errors"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

//go:embed bpf/process.o
var object []byte

// ringBytes is the size of the kernel's ring, which is resident in our memory. A process
// that runs one program takes some 500 bytes of it, so that 2,000 fit in while we do not
// read, which is two seconds of a host that does nothing else than start them:
// BenchmarkBurst loses nothing with it, nor with 2 MiB, on two cores that are busy with
// much else. A program with long paths and arguments takes up to 16 KiB.
const ringBytes = 1 << 20

// programs are the kernel's programs of bpf/process.c.
type programs struct {
	loaded    *ebpf.Programs
	ahead     clock.Ahead
	judgeHere bool // nothing is left out in the kernel
}

// programOptions are what tests choose. The zero value is what the host has.
type programOptions struct {
	object []byte
	btf    string
	ring   int

	judgeHere bool // leave nothing out in the kernel
}

// openPrograms loads the programs, which do not run yet.
func openPrograms(o *Options) (feed, error) {
	own := o.programs
	if own.object == nil {
		own.object = object
	}
	ahead, err := clock.ReadAhead(o.Host.Root)
	if err != nil {
		return nil, err
	}
	p, err := ebpf.Load(own.object, ebpf.Options{Ring: cmp.Or(own.ring, ringBytes), BTF: own.btf, Root: o.Host.Root})
	if err != nil {
		return nil, err
	}
	return &programs{p, ahead, own.judgeHere}, nil
}

func (p *programs) close() { p.loaded.Close() }

// refused returns why the programs cannot be used.
func refused(err error) string {
	var r *ebpf.Refusal
	if errors.As(err, &r) {
		return r.Error()
	}
	return err.Error()
}
