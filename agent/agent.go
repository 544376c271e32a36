// Package agent is the whole that runs on a host: a broker with its socket, the
// collectors and their manager, and the responders that tell operators how it
// all is. It only wires its parts together.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// Options configure an agent. The zero value means the documented defaults, but
// Command has none.
type Options struct {
	// Instance names the agent on its host; default "default".
	Instance string
	// Socket is where it listens; default ipc.DefaultPath of the instance, or
	// the socket that a service manager passed.
	Socket string
	// Version is told to operators.
	Version string
	// MaxConnections, MaxMemory, MaxQueued and MaxMessageSize are the broker's
	// limits; 0 means its defaults.
	MaxConnections int
	MaxMemory      int64
	MaxQueued      int
	MaxMessageSize int
	// LatencyBudget is how long the agent and its collectors may hold an event
	// back while events come densely; default 500 µs, negative for none.
	LatencyBudget time.Duration
	// Command is the program that runs a collector, with its first arguments.
	Command []string
	// Collectors to run; Socket and Budget are filled in.
	Collectors []control.ChildConfig
	// Logger takes what is worth telling; default slog.Default.
	Logger *slog.Logger
	// Listening, where set, is called when the socket accepts connections; Ready
	// when the collectors have registered or failed to, with all that is known.
	Listening func(path string)
	Ready     func(control.Status)
}

func (o *Options) setDefaults() {
	o.Instance = cmp.Or(o.Instance, "default")
	o.LatencyBudget = max(cmp.Or(o.LatencyBudget, 500*time.Microsecond), 0)
	o.Logger = cmp.Or(o.Logger, slog.Default())
}

// replayed is what a late subscriber can ask for: what happened in the last
// minutes, as long as it is not much.
var replayed = []router.ReplayRule{
	{Pattern: "events.#", MaxCount: 1024, MaxBytes: 1 << 20, MaxAge: 10 * time.Minute},
	{Pattern: "control.#", MaxCount: 256, MaxBytes: 256 << 10, MaxAge: time.Hour},
	{Pattern: "alerts.#", MaxCount: 1024, MaxBytes: 1 << 20},
}

// urgent are the topics that no flood of events may delay.
var urgent = []string{"control.#", "alerts.#"}

// Agent is one run of the agent.
type Agent struct {
	o       Options
	broker  *router.Broker
	manager *manager.Manager
	self    *router.Local
	monitor *monitor

	began   time.Time
	startup time.Duration // written once, before it is told to anybody
	path    string

	readyOnce sync.Once
	decided   chan struct{} // closed when all collectors have registered or failed
}

// New checks the options and makes the agent's parts. It starts nothing.
func New(o Options) (*Agent, error) {
	o.setDefaults()
	broker, err := router.New(router.Options{
		Name: o.Instance, MaxMemory: o.MaxMemory, MaxQueued: o.MaxQueued, MaxMessageSize: o.MaxMessageSize,
		Urgent: urgent, Replay: replayed, LatencyBudget: o.LatencyBudget,
	})
	if err != nil {
		return nil, err
	}
	a := &Agent{o: o, broker: broker, began: time.Now(), decided: make(chan struct{})}
	if a.path, err = socketPath(&o); err != nil {
		return nil, err
	}
	configs := make([]control.ChildConfig, len(o.Collectors))
	for i, c := range o.Collectors {
		c.Socket, c.Budget = a.path, o.LatencyBudget
		configs[i] = c
	}
	if len(configs) == 0 {
		a.readyOnce.Do(func() { close(a.decided) })
	}
	a.manager, err = manager.New(manager.Options{Command: o.Command, Logger: o.Logger, Changed: a.collectorChanged}, configs...)
	if err != nil {
		return nil, err
	}
	if a.monitor, err = newMonitor(a); err != nil {
		return nil, err
	}
	return a, nil
}

func socketPath(o *Options) (string, error) {
	if o.Socket != "" {
		return o.Socket, nil
	}
	return ipc.DefaultPath(o.Instance)
}

// Run brings the parts up in order: socket and broker, the agent's own
// responders, collectors. It runs them until ctx ends, and then stops them in
// reverse. nil means an orderly end; it may be called once.
func (a *Agent) Run(ctx context.Context) error {
	listener, err := ipc.Inherited()
	if err != nil {
		return err
	}
	if listener != nil {
		a.path = listener.Path()
	}
	// The broker outlives what talks through it: its context ends last.
	brokerCtx, stopBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBroker()
	listening := make(chan struct{})
	var broker errgroup.Group
	broker.Go(func() error {
		err := ipc.Serve(brokerCtx, a.broker, ipc.Options{
			Path: a.path, Listener: listener, MaxConnections: a.o.MaxConnections, Policy: policy{a.manager},
			Ready: func(string) { close(listening) },
		})
		if errors.Is(err, ipc.ErrServerClosed) {
			return nil
		}
		return err
	})
	select {
	case <-listening:
	case <-a.broker.Stopped():
		return broker.Wait()
	case err := <-failed(&broker):
		return err
	}
	a.startup = time.Since(a.began)
	if a.o.Listening != nil {
		a.o.Listening(a.path)
	}
	err = a.serve(ctx)
	stopBroker()
	return errors.Join(err, broker.Wait())
}

// failed yields what g ends with, for a g that may end before it is ready.
func failed(g *errgroup.Group) <-chan error {
	ch := make(chan error, 1)
	go func() { ch <- g.Wait() }() // ends with g, which its caller waits for
	return ch
}

// serve runs what talks through the broker, until ctx or the broker ends.
func (a *Agent) serve(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.self = a.broker.Client("agent")
	defer func() {
		if cerr := a.self.Close(); err == nil {
			err = cerr
		}
	}()
	if err := a.respond(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.manager.Run(ctx) })
	g.Go(func() error { return a.monitor.run(ctx) })
	g.Go(func() error {
		select {
		case <-a.broker.Stopped():
			return fmt.Errorf("agent: the broker stopped")
		case <-ctx.Done():
			return nil
		}
	})
	g.Go(func() error { a.announce(ctx); return nil })
	return g.Wait()
}

// decideTimeout is how long Ready waits for collectors to register.
const decideTimeout = 10 * time.Second

// announce calls Ready when the collectors have decided, or take too long.
func (a *Agent) announce(ctx context.Context) {
	if a.o.Ready == nil {
		return
	}
	t := time.NewTimer(decideTimeout)
	defer t.Stop()
	select {
	case <-a.decided:
	case <-t.C:
	case <-ctx.Done():
		return
	}
	if s, err := a.Status(ctx); err == nil {
		a.o.Ready(s)
	}
}

// collectorChanged publishes a collector's new state, and notes when all have
// decided.
func (a *Agent) collectorChanged(s control.CollectorStatus) {
	a.publishStatus(s)
	for _, c := range a.manager.Status() {
		if c.State == manager.Starting && c.Restarts == 0 || c.State == manager.Stopped {
			return
		}
	}
	a.readyOnce.Do(func() { close(a.decided) })
}
