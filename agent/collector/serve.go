package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// registerTimeout bounds one attempt to register.
const registerTimeout = 5 * time.Second

// Server runs a collector on a bus: it registers, publishes what the collector
// emits, and answers for it.
type Server struct {
	bus     router.Bus
	c       Collector
	self    control.Registration
	started time.Time

	emitted, failed atomic.Uint64

	// owned by the collector's emitting goroutine
	publishers map[string]router.Publisher
	extension  []byte
}

// NewServer makes a server for c. pid and version are those of the process.
func NewServer(bus router.Bus, c Collector, pid int, version string) *Server {
	return &Server{
		bus: bus, c: c, started: time.Now(), publishers: make(map[string]router.Publisher),
		self: control.Registration{Collector: c.Name(), PID: pid, Version: version, Source: c.Describe()},
	}
}

// Run registers and collects until ctx ends, which is no error, or the
// collector fails.
func (s *Server) Run(ctx context.Context) error {
	r, err := s.bus.Respond(ctx, control.CollectorTarget(s.c.Name()), s.report)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.Register(ctx); err != nil {
		return err
	}
	return s.c.Run(ctx, s.emit)
}

// Register tells the agent that the collector is ready. It is to be called
// again after a reconnect: the agent may be another one.
func (s *Server) Register(ctx context.Context) error {
	body, err := json.Marshal(s.self)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	_, err = s.bus.Request(ctx, control.RegistrationTarget, body)
	return err
}

func (s *Server) report(context.Context, *router.Request) ([]byte, error) {
	r := control.Report{Registration: s.self, Uptime: time.Since(s.started), Emitted: s.emitted.Load(), Failed: s.failed.Load()}
	r.Source = s.c.Describe()
	return json.Marshal(r)
}

// emit publishes one event. What the bus does not take is counted: the next
// report tells, and the sequence numbers of the events show the hole.
func (s *Server) emit(m Message) {
	if err := s.publish(m); err != nil {
		s.failed.Add(1)
		return
	}
	s.emitted.Add(1)
}

func (s *Server) publish(m Message) error {
	p := s.publishers[m.Topic]
	if p == nil {
		var err error
		if p, err = s.bus.PublisherOf(router.Outgoing{Topic: m.Topic, Content: frame.ContentEvent}); err != nil {
			return fmt.Errorf("collector %s: %w", s.c.Name(), err)
		}
		s.publishers[m.Topic] = p
	}
	var err error
	s.extension, err = frame.AppendExtension(s.extension[:0], &frame.Meta{EventType: m.EventType, PID: m.PID})
	if err != nil {
		return err
	}
	return p.PublishMeta(m.Payload, s.extension)
}
