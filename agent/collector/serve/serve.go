// Package serve puts a collector on a bus: it registers it with the agent,
// publishes what it emits, and answers requests for its report. Server does that on
// any bus; Main is the whole of a collector's process.
package serve

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// registerTimeout bounds how long the agent's answer may take.
const registerTimeout = 5 * time.Second

// Server runs a collector on a bus. One goroutine at a time.
type Server struct {
	bus     router.Bus
	c       collector.Collector
	self    control.Registration
	started time.Time

	emitted, failed atomic.Uint64

	// owned by the collector's emitting goroutine
	publishers  map[string]router.Publisher
	extension   []byte
	origin      event.Origin // of a gap in the place of what is no event
	unannounced uint64       // failures that no gap has announced yet
	gap         []byte
}

// New makes a server for c, which runs by config. version is the program's.
func New(bus router.Bus, c collector.Collector, config control.ChildConfig, version string) *Server {
	host, _ := os.Hostname() // a gap without it is better than none
	return &Server{
		origin: event.Origin{Host: host, HostID: config.HostID, Labels: event.Pairs(config.Labels), Collector: c.Name()},
		bus:    bus, c: c, started: time.Now(), publishers: make(map[string]router.Publisher),
		self: control.Registration{Collector: c.Name(), PID: os.Getpid(), Version: version},
	}
}

// Run registers and collects until ctx ends, which is no error, or the
// collector fails.
func (s *Server) Run(ctx context.Context) error {
	d := dispatch.New(dispatch.Options{
		Handlers: map[control.Operation]dispatch.Handler{control.OpHealthCheck: s.healthCheck},
		Now:      func() int64 { return control.Now(s.bus) },
	})
	defer d.Close()
	r, err := s.bus.Respond(ctx, control.CollectorTarget(s.c.Name()), d.Respond)
	if err == nil {
		defer r.Close()
		err = s.register(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("register collector %s: %w", s.c.Name(), err)
		if passes(err) || refused(err) {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return err
	}
	return s.c.Run(ctx, s.emit)
}

// register registers the collector with the agent.
func (s *Server) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	_, err := control.Call(ctx, s.bus, control.RegistrationTarget, control.Request{
		Operation: control.OpRegister, Target: s.c.Name(), Payload: control.Payload(s.registration()),
	}, nil)
	return err
}

func (s *Server) registration() control.Registration {
	r := s.self
	r.Source = s.c.Describe()
	return r
}

func (s *Server) healthCheck(context.Context, *dispatch.Call) (any, error) {
	return control.Report{
		Collector: s.c.Name(), PID: s.self.PID, Version: s.self.Version, Source: s.c.Describe(), State: control.CollectorRunning,
		Uptime: time.Since(s.started), Emitted: s.emitted.Load(), Failed: s.failed.Load(),
	}, nil
}

// emit publishes one event. An event that the bus does not take is counted, and
// announced as a gap. If the bus does not take the gap either, the next gap counts both.
func (s *Server) emit(m collector.Message) {
	if err := s.publish(m); err != nil {
		s.failed.Add(1)
		s.unannounced++
		if s.announce(&m, err) == nil {
			s.unannounced = 0
		}
		return
	}
	s.emitted.Add(1)
}

// announce publishes that events were lost, the last of them m. The gap stands
// in its place: it has its source's sequence number.
func (s *Server) announce(m *collector.Message, why error) error {
	gap := event.Gap{
		Header: event.Header{MonoNs: router.Now(), WallNs: time.Now().UnixNano()},
		Origin: s.origin,
		Body:   event.Loss{Lost: s.unannounced, Total: s.failed.Load(), Reason: "events: the bus would not take them: " + why.Error()},
	}
	if v, err := event.Parse(m.Payload); err == nil {
		gap.Type, gap.Sequence, gap.Origin = v.Type(), v.Sequence(), v.Origin()
	}
	s.gap = gap.Append(s.gap[:0])
	return s.publish(collector.Message{Topic: "events." + s.c.Name() + ".gap", Payload: s.gap, EventType: m.EventType})
}

func (s *Server) publish(m collector.Message) error {
	p := s.publishers[m.Topic]
	if p == nil {
		var err error
		if p, err = s.bus.PublisherOf(router.Outgoing{Topic: m.Topic, Content: frame.ContentEvent}); err != nil {
			return err
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
