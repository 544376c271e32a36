package serve

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// External runs c as an external collector: one whose process the agent has not started, and
// whose name and user stand in the agent's configuration (collectors.external). It returns as
// Server.Run does.
//
// dial connects to the agent with a client that has the collector's name, the role
// control.CollectorRole, connects again when the agent was away, and calls state when that
// happens. The collector then registers again, and announces that events may be missing.
func External(ctx context.Context, c collector.Collector, dial func(ctx context.Context, state func(error)) (router.Bus, error), o Options) error {
	o.External = true
	var server atomic.Pointer[Server]
	bus, err := dial(ctx, func(err error) {
		if s := server.Load(); s != nil {
			s.connection(err)
		}
	})
	if err != nil {
		return err
	}
	s := New(bus, c, o)
	server.Store(s)
	if err := s.Run(ctx); err != nil {
		_ = bus.Close() // the reason is why Run ended
		return err
	}
	_ = drain(bus) // it fails where the agent is away: then nobody waits for what is left
	return nil
}

// connection notes that the connection was lost, why, or for nil that there is a new one.
// Safe for concurrent use; it does not block.
func (s *Server) connection(err error) {
	if err == nil {
		s.Reconnected()
		return
	}
	since := s.beatEvent.Load()
	if since == 0 {
		since = s.started.UnixNano()
	}
	s.lostSince.CompareAndSwap(0, since)
}

// announceLost announces that events may have been lost with a connection: those that were on
// their way, and those that the bus did not keep until there was another.
func (s *Server) announceLost(ctx context.Context) {
	since := s.lostSince.Swap(0)
	if since == 0 {
		return
	}
	gap := s.blindGap(time.Unix(0, since), "the connection to the agent was lost")
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	extension, err := frame.AppendExtension(nil, &frame.Meta{EventType: s.name})
	if err == nil {
		// The goroutine that emits may be publishing: this one has buffers of its own.
		err = s.bus.Publish(ctx, router.Outgoing{
			Topic: s.gapTopic(), Payload: gap.Append(nil), Content: frame.ContentEvent, Extension: extension,
		})
	}
	if err != nil {
		s.lostSince.CompareAndSwap(0, since) // the next registration announces it
	}
}
