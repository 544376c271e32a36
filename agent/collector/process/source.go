package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector/process/internal/connector"
)

// Mode chooses the source of process events.
type Mode string

// The modes.
const (
	ModeAuto    Mode = "auto"    // the best one that is permitted; the default
	ModeEBPF    Mode = "ebpf"    // programs inside of the kernel, or nothing
	ModeNetlink Mode = "netlink" // the process connector, or nothing
	ModePoll    Mode = "poll"    // comparing /proc at an interval
)

// ErrUnavailable means that the kernel does not let us have its process events
// here. Polling works all the same.
var ErrUnavailable = errors.New("the kernel's process events are not available")

// feed is where the kernel's reports come from.
type feed interface {
	// follow snapshots /proc and then takes reports until ctx ends. Reports are kept
	// from before the snapshot on.
	follow(ctx context.Context, t *tracker) error
	close()
}

// source is the outcome of choosing.
type source struct {
	feed     feed // nil for polling
	mode     Mode // which it is
	describe string
}

func (s source) close() {
	if s.feed != nil {
		s.feed.close()
	}
}

// candidate is a source that may not be permitted here.
type candidate struct {
	mode     Mode
	describe string
	open     func(o *Options) (feed, error)
	why      func(error) string // it cannot be opened, in few words
}

// candidates are the sources of kernel events, best first.
var candidates = []candidate{
	{ModeEBPF, "kernel process events (eBPF programs)", openPrograms, refused},
	{ModeNetlink, "kernel process events (netlink process connector), details from procfs", openConnector, connector.Unavailable},
}

// choose opens the source that mode asks for. It fails only where mode leaves no
// choice.
func choose(mode Mode, o *Options) (source, error) {
	if mode == ModePoll {
		return polling(o, "as configured"), nil
	}
	reasons := ""
	for _, c := range candidates {
		if mode != ModeAuto && mode != c.mode {
			continue
		}
		f, err := c.open(o)
		if err == nil {
			s := source{feed: f, mode: c.mode, describe: c.describe}
			if reasons != "" {
				s.describe += "; not " + reasons
			}
			return s, nil
		}
		if mode == c.mode {
			return source{}, fmt.Errorf("process: mode %s: %w: %s: %w", mode, ErrUnavailable, c.why(err), err)
		}
		if reasons != "" {
			reasons += "; "
		}
		reasons += fmt.Sprintf("%s: %s", c.mode, c.why(err))
	}
	return polling(o, reasons), nil
}

func polling(o *Options, why string) source {
	return source{mode: ModePoll, describe: fmt.Sprintf("procfs polling every %d ms (%s: short-lived processes are missed)", o.Interval.Milliseconds(), why)}
}
