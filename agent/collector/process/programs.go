package process

import (
	_ "embed"
	"errors"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
)

//go:embed bpf/process.o
var object []byte

// ringBytes is the size of the kernel's ring. An exec takes some 300 bytes and at most
// 16 KiB, a fork or an exit 48.
const ringBytes = 4 << 20

// programs are the kernel's programs of bpf/process.c.
type programs struct {
	loaded *ebpf.Programs
	ahead  clock.Ahead
}

// openPrograms loads the programs, which do not run yet.
func openPrograms(o *Options) (feed, error) {
	ahead, err := clock.ReadAhead(o.Host.Root)
	if err != nil {
		return nil, err
	}
	p, err := ebpf.Load(object, ebpf.Options{Ring: ringBytes, Root: o.Host.Root})
	if err != nil {
		return nil, err
	}
	return &programs{p, ahead}, nil
}

func (p *programs) close() { p.loaded.Close() }

// refused says why the programs cannot be used.
func refused(err error) string {
	var r *ebpf.Refusal
	if errors.As(err, &r) {
		return r.Error()
	}
	return err.Error()
}
