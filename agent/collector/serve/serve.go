// Package serve puts a collector on a bus. It registers it with the agent, publishes what
// it emits and a heartbeat, and carries out what the agent asks of it. Server does that
// on any bus; Main is the whole of a collector's process.
//
// # What a collector can be asked
//
// All operations come from the agent, in the envelopes of package control: health_check,
// get_capabilities, pause, resume, update_config, execute_task, graceful_shutdown and
// force_shutdown.
//
// A collector that is paused goes on with its heartbeats and its answers. When it
// observes again, it announces in events.<name>.gap what it missed, with an unknown number.
// One that is reconfigured goes on without a break, where it is a collector.Adjustable and the
// settings allow it. Otherwise it begins with a fresh picture of the host, and announces that.
//
// # Liveness
//
// One goroutine makes the heartbeats and carries out what changes the collector. Where it
// is stuck, because the collector does not end, say, there are no heartbeats.
package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/router"
)

// registerTimeout bounds how long the agent's answer may take.
const registerTimeout = 5 * time.Second

// ErrForced is the end of a collector that was asked to end without waiting for anything.
var ErrForced = errors.New("ended at once, as the agent asked")

// Options configure a Server. The zero value means the documented defaults.
type Options struct {
	// Config is what the collector was made with.
	Config control.ChildConfig
	// New makes the collector of another configuration; without it update_config is
	// not possible.
	New func(control.ChildConfig) (collector.Collector, error)
	// Version is the program's.
	Version string
	// External means that the agent did not start this process: it deregisters when it
	// ends in order.
	External bool
	// Settle is how long a collector that begins to observe may fail before it counts as
	// one that works, unless it emits something before; default 250 ms.
	Settle time.Duration
}

// Server runs a collector on a bus. Its methods but Reconnected are for one goroutine.
type Server struct {
	o       Options
	bus     router.Bus
	name    string
	started time.Time

	emitted, failed atomic.Uint64
	lastEvent       atomic.Int64 // time of the last event that the bus took, since 1970; 0 for none
	beatEvent       atomic.Int64 // what lastEvent was at the heartbeat before the last
	lostSince       atomic.Int64 // time from which on events may be lost with a connection; 0 for none

	subscriber atomic.Pointer[collector.Subscriber] // who gets the events of others; nil for nobody

	commands chan func(context.Context) // run by work, between two events of its own
	again    chan struct{}              // holds a token after a reconnection
	ended    chan struct{}              // closed when work has returned
	forced   chan struct{}              // closed by force
	force    func()

	emission // owned by the goroutine that emits, and by work while none does

	// owned by work
	now            instance
	interval       time.Duration // between two heartbeats, as the agent wants them
	beats          uint64
	lastBeat       int64  // what lastEvent was at the last heartbeat
	filteredBefore uint64 // events that instances before now have left out
	unregistered   bool   // a registration after a reconnection failed, and is tried again
	done           bool   // work is to end
	err            error  // with this error
}

// instance is the collector with one configuration. The zero instance.ended means that it
// does not observe.
type instance struct {
	c       collector.Collector
	config  control.ChildConfig
	version int
	paused  bool
	since   time.Time // when it was paused
	stop    context.CancelFunc
	runs    context.Context // ends when the collector does
	ended   chan error
	first   chan struct{} // closed when it has emitted something
	opened  chan struct{} // closed when its source is open; nil where that is reported
}

// New makes a server for c.
func New(bus router.Bus, c collector.Collector, o Options) *Server {
	host, _ := os.Hostname() // a gap without it is better than none
	o.Settle = cmp.Or(o.Settle, 250*time.Millisecond)
	s := &Server{
		o: o, bus: bus, name: c.Name(), started: time.Now(),
		commands: make(chan func(context.Context)), again: make(chan struct{}, 1), ended: make(chan struct{}), forced: make(chan struct{}),
		emission: emission{
			origin:     event.Origin{Host: host, HostID: o.Config.HostID, Labels: event.Pairs(o.Config.Labels), Collector: c.Name()},
			publishers: make(map[string]router.Publisher),
		},
		now: instance{c: c, config: o.Config, version: 1, paused: o.Config.Paused, since: time.Now()},
	}
	s.force = sync.OnceFunc(func() { close(s.forced) })
	s.interval = control.HeartbeatInterval
	if _, ok := c.(collector.Opener); ok {
		s.now.opened = make(chan struct{}) // observe makes another one
	}
	return s
}

// Reconnected has the collector register again, after the bus has lost its broker and found
// another. Safe for concurrent use; it does not block.
func (s *Server) Reconnected() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// Run registers and collects until ctx ends or the agent asks it to end, which is no
// error, or until the collector fails. ErrForced is returned without waiting for the
// collector. After an end that the agent asked for, the bus has to be drained, because the
// answer may be on its way. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	d := dispatch.New(dispatch.Options{Handlers: s.handlers(), Now: func() int64 { return control.Now(s.bus) }})
	defer d.Close()
	defer close(s.ended)
	r, err := s.bus.Respond(ctx, control.CollectorTarget(s.name), d.Respond)
	if err == nil {
		if err = s.register(ctx); err != nil {
			err = errors.Join(err, r.Close())
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("register collector %s: %w", s.name, err)
		if passes(err) || refused(err) {
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return err
	}
	shared, err := s.shareTasks(ctx)
	defer shared()
	if err != nil {
		return errors.Join(err, r.Close())
	}
	others, err := s.subscribe(ctx)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	defer others()
	if err = s.work(ctx); !s.done && !errors.Is(err, ErrForced) { // else the answer that it ends may be on its way
		err = errors.Join(err, r.Close())
	}
	if s.o.External && err == nil {
		s.deregister(ctx)
	}
	return err
}

// register registers the collector with the agent.
func (s *Server) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	r := control.Registration{Collector: s.name, PID: os.Getpid(), Version: s.o.Version, Source: s.now.c.Describe(), State: s.state(), Opening: s.opening()}
	var taken control.Accepted
	_, err := control.Call(ctx, s.bus, control.RegistrationTarget, control.Request{
		Operation: control.OpRegister, Target: s.name, Payload: control.Payload(r),
	}, &taken)
	if taken.Heartbeat > 0 {
		s.interval = taken.Heartbeat
	}
	return err
}

// deregister takes leave of the agent. If it fails, the agent sees the end of the
// connection.
func (s *Server) deregister(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = control.Call(ctx, s.bus, control.RegistrationTarget, control.Request{
		Operation: control.OpDeregister, Target: s.name, Payload: control.Payload(control.Deregistration{Reason: "it ends"}),
	}, nil)
}
