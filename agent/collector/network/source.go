package network

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/capability"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/proc"
)

// Mode chooses the source of network events.
type Mode string

// The modes.
const (
	ModeAuto Mode = "auto"      // the best one that is permitted; the default
	ModeEBPF Mode = "ebpf"      // a program inside of the kernel, or nothing
	ModeDiag Mode = "sock_diag" // looks at all sockets at an interval, and the kernel's messages of their ends
)

// ErrUnavailable means that the kernel does not let us have the states of its sockets here.
// ModeDiag works all the same.
var ErrUnavailable = errors.New("the states of sockets are not available")

// source is where it comes from what happens to sockets.
type source interface {
	// follow announces the sockets that there are, and then what happens to them until ctx
	// ends.
	follow(ctx context.Context, t *tracker) error
	close()
}

// choice is which source was chosen, and why.
type choice struct {
	mode    Mode
	noEnds  error    // of ModeDiag: why the ends of sockets are not to be had; nil where they are
	instead string   // why it is not a better one
	noDNS   string   // why queries of DNS are not seen; empty where they are
	hides   []string // what of processes is kept from us
}

func (c *choice) describe(interval time.Duration) string {
	var s string
	switch {
	case c.mode == ModeEBPF:
		s = fmt.Sprintf("states of sockets (eBPF program), ports of UDP by sock_diag every %v", interval)
	case c.noEnds != nil:
		s = fmt.Sprintf("sock_diag every %v: shorter connections are missed (no ends of sockets: %v)", interval, c.noEnds)
	default:
		s = fmt.Sprintf("sock_diag every %v, and the ends of sockets as they come: who opened a shorter connection is not known", interval)
	}
	if c.noDNS == "" {
		s += "; DNS over UDP"
	} else {
		s += "; no DNS: " + c.noDNS
	}
	for _, more := range append([]string{c.instead}, c.hides...) {
		if more != "" {
			s += "; " + more
		}
	}
	return s
}

// hides returns what of processes is kept from us. Descriptors are in a folder that other
// users may not even open.
func hides(r *proc.Reader) (all []string) {
	if s := r.Hides(); s != "" {
		all = append(all, s)
	}
	if s := capability.Lacking(capability.SysPtrace, capability.DACReadSearch); s != "" {
		all = append(all, s+": of other users' sockets in lists only the user is known")
	}
	return all
}

// choose opens the source that mode asks for. It fails only for ModeEBPF.
func choose(mode Mode, o *Options) (source, choice, error) {
	c := choice{mode: ModeDiag}
	if mode != ModeDiag {
		p, err := openPrograms(o)
		if err == nil {
			return p, choice{mode: ModeEBPF}, nil
		}
		if mode == ModeEBPF {
			return nil, c, fmt.Errorf("network: mode %s: %w: %s: %w", mode, ErrUnavailable, refused(err), err)
		}
		c.instead = "not ebpf: " + refused(err)
	}
	var l *looks
	l, c.noEnds = openLooks(o)
	return l, c, nil
}

// refused returns why the program cannot be used.
func refused(err error) string {
	var r *ebpf.Refusal
	if errors.As(err, &r) {
		return r.Error()
	}
	return err.Error()
}
