package agent

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/daemoneye/eventbus/agent/access"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/agent/lifecycle"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
	"github.com/daemoneye/eventbus/agent/memory"
	"github.com/daemoneye/eventbus/agent/progress"
	"github.com/daemoneye/eventbus/agent/systemd"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// Options configure an agent. The zero value means the documented defaults, but
// Command has none.
type Options struct {
	// Config is what an operator chose; default config.Default. The agent does not
	// write to it.
	Config *config.Config
	// Load reads the configuration again for a reload; without it reloads fail.
	Load func() (*config.Loaded, error)
	// Level, where set, is the level of Logger: the configuration sets it.
	Level *slog.LevelVar
	// JSON, where set, is whether Logger writes JSON: the configuration sets it.
	JSON *atomic.Bool
	// HostID stands in every event; default that of the configuration.
	HostID string
	// DataDir is where alerts are kept; empty: they are published, and not kept.
	DataDir string
	// Version stands in the status.
	Version string
	// Command is the program that runs a collector, with its first arguments.
	// Without Collectors it may be empty.
	Command []string
	// Collectors to run whatever the configuration has; Socket, Budget, HostID and Labels
	// are filled in.
	Collectors []control.ChildConfig
	// Configured, where set, returns the collectors that a configuration asks for, at the
	// start and at each reload. The same is filled in.
	Configured func(*config.Config) ([]manager.Spec, error)
	// Supervision are the times of supervision.
	Supervision life.Options
	// Executable, where set, is the file that is run as a collector instead, and
	// Command[0] only its name: see manager.Options.
	Executable string
	// Stdout is what outputs to standard output write to; default os.Stdout.
	Stdout io.Writer
	// Logger takes the log; default slog.Default.
	Logger *slog.Logger
	// Service, where set, is the service manager that started the agent.
	Service *systemd.Notifier
	// Listening, where set, is called when the socket accepts connections; Ready
	// when each collector has its source open, or has failed to register or to open it in
	// time, with all that is known: Supervision.RegisterTimeout is the bound of each.
	Listening func(path string)
	Ready     func(control.Status)
}

func (o *Options) setDefaults() {
	if o.Config == nil {
		o.Config = config.Default()
	}
	o.HostID = cmp.Or(o.HostID, o.Config.HostID)
	o.Supervision.Beat = cmp.Or(o.Supervision.Beat, control.HeartbeatInterval)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
}

// brokerOptions are those of the configuration c.
func brokerOptions(c *config.Config) router.Options {
	b := &c.Broker
	o := router.Options{
		Name: c.InstanceID, MaxMemory: int64(b.MaxMemoryBytes), MaxQueued: b.MessageBufferSize,
		MaxMessageSize: int(b.MaxMessageSize), MaxSubscriptions: b.MaxSubscriptions, MaxRequests: b.MaxRequests,
		LatencyBudget: b.LatencyBudget, Urgent: urgent, Replay: replayed(int64(b.MaxMemoryBytes)),
		Overflows: make([]router.Overflow, 0, len(b.OverflowPolicies)),
	}
	for _, p := range b.OverflowPolicies {
		o.Overflows = append(o.Overflows, router.Overflow(p))
	}
	return o
}

// serverOptions are those of the configuration c, without what makes a server ours.
func serverOptions(c *config.Config) ipc.Options {
	b := &c.Broker
	return ipc.Options{
		MaxConnections: b.MaxConnections, ConnectionTimeout: b.ConnectionTimeout, Heartbeat: b.Heartbeat,
		DrainTimeout: b.DrainTimeout, PublishRate: b.PublishRate,
	}
}

// replayed is what a late subscriber can ask for: what happened in the last
// minutes, as long as it is not much, in a bounded part of the memory.
func replayed(maxMemory int64) []router.ReplayRule {
	part := min(1<<20, maxMemory/32)
	return []router.ReplayRule{
		// What each collector sees is kept apart, so that neither another one nor what
		// others publish below events can push it out.
		{Pattern: "events.process.#", MaxCount: 1024, MaxBytes: part, MaxAge: 10 * time.Minute},
		{Pattern: "events.network.#", MaxCount: 1024, MaxBytes: part, MaxAge: 10 * time.Minute},
		{Pattern: "events.filesystem.#", MaxCount: 1024, MaxBytes: part, MaxAge: 10 * time.Minute},
		{Pattern: "events.performance.#", MaxCount: 1024, MaxBytes: part, MaxAge: 10 * time.Minute},
		{Pattern: "events.#", MaxCount: 1024, MaxBytes: part, MaxAge: 10 * time.Minute},
		{Pattern: "control.#", MaxCount: 256, MaxBytes: part / 4, MaxAge: time.Hour},
		{Pattern: "alerts.#", MaxCount: 1024, MaxBytes: part},
	}
}

// urgent are the topics that no flood of events may delay.
var urgent = []string{"control.#", "alerts.#"}

// Agent is one run of the agent.
type Agent struct {
	o       Options
	broker  *router.Broker
	manager *manager.Manager
	monitor *monitor
	life    *lifecycle.Lifecycle

	operations *dispatch.Dispatcher
	progress   *progress.Watcher
	exporter   *exporter
	alerts     *alerts
	outputs    *outputs
	detection  *live.Runner   // nil where it is not enabled
	limits     ipc.LiveLimits // of the server

	reloading sync.Mutex                    // held by a reload; it guards no field, only the order
	config    atomic.Pointer[config.Config] // in force; written by reloads
	waiting   atomic.Pointer[[]string]      // keys that wait for a restart; written by reloads

	// written by Run before anything starts that reads them
	began   time.Time
	startup time.Duration
	path    string
	self    router.Bus

	decideOnce sync.Once
	decided    chan struct{} // closed when each collector observes or has failed to
}

// New checks the options and makes the agent's parts. It starts nothing.
func New(o Options) (*Agent, error) {
	o.setDefaults()
	a := &Agent{o: o, decided: make(chan struct{})}
	var err error
	if a.broker, err = router.New(brokerOptions(o.Config)); err != nil {
		return nil, err
	}
	a.manager = manager.New(manager.Options{
		Command: o.Command, Executable: o.Executable, Logger: o.Logger, Life: o.Supervision, Caller: caller{a},
		Changed: a.collectorChanged, Missed: a.missed,
	})
	a.life = lifecycle.New(cmp.Or(o.Supervision.RegisterTimeout, defaultOpenTimeout), func(x control.Orchestration) { a.publish(control.OrchestrationTopic, x, true) })
	a.monitor = newMonitor(a.broker, a.manager, o.Logger)
	a.monitor.onHealth = func(h control.Health) { a.notify(a.o.Service.Status(healthText(a.life.State().State, h))) }
	a.watchProgress()
	specs, err := a.specs(o.Config)
	if err != nil {
		return nil, err
	}
	if _, err := a.manager.Apply(specs); err != nil {
		return nil, err
	}
	a.exporter = newExporter()
	a.alerts = &alerts{a: a}
	if o.DataDir != "" {
		a.monitor.parts.Register(health.Component{Name: "alerts", Check: a.alerts.health})
	}
	if err := a.newOutputs(o.Config); err != nil {
		return nil, err
	}
	if err := a.newDetection(o.Config); err != nil {
		return nil, err
	}
	a.config.Store(o.Config)
	a.apply(o.Config)
	return a, nil
}

// Run brings the agent up, runs it until ctx ends, and takes it down. nil means
// an orderly end, also of an agent that was not up yet. Errors to act on:
// *ipc.InUseError, *store.InUseError, store.ErrNewer, os.ErrPermission. It may be called
// once.
func (a *Agent) Run(ctx context.Context) error {
	a.began = time.Now()
	l, err := a.listen()
	if err != nil {
		return err
	}
	a.path = l.Path()
	metrics, err := a.exporter.bind(a.o.Config.Metrics.Listen)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	a.exporter.offer(metrics)
	defer a.exporter.offer(nil) // closes it where it was not served
	defer memory.Limit(int64(a.o.Config.Broker.MaxMemoryBytes))()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The broker ends after everything that uses it. If it ends by itself, everything
	// else ends too.
	brokerCtx, stopBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBroker()
	var broker errgroup.Group
	broker.Go(func() error {
		defer stop()
		return a.serve(brokerCtx, l)
	})
	err = a.work(ctx)
	stopBroker()
	if berr := broker.Wait(); berr != nil {
		return berr // it is the cause of all other failures
	}
	return err
}

// listen takes the socket that a service manager passed, or binds our own.
func (a *Agent) listen() (*ipc.Listener, error) {
	l, err := ipc.Inherited()
	if l != nil || err != nil {
		return l, err
	}
	path := a.o.Config.Broker.SocketPath
	if path == "" {
		if path, err = ipc.DefaultPath(a.o.Config.InstanceID); err != nil {
			return nil, err
		}
	}
	return ipc.Listen(path)
}

// serve runs the broker on l until ctx ends.
func (a *Agent) serve(ctx context.Context, l *ipc.Listener) error {
	o := serverOptions(a.o.Config)
	o.Live = &a.limits
	o.Listener, o.Policy = l, access.New(a.manager)
	o.Ready = func(string) { a.startup = time.Since(a.began) }
	o.OnSocket = func(err error) { a.o.Logger.Warn("socket lost", "err", err) }
	err := ipc.Serve(ctx, a.broker, o)
	if errors.Is(err, ipc.ErrServerClosed) {
		return nil
	}
	return err
}

// work runs everything that uses the broker, until ctx ends.
func (a *Agent) work(ctx context.Context) (err error) {
	a.self = a.broker.Client("agent")
	a.operations = a.newOperations()
	defer func() {
		a.operations.Close()
		if cerr := a.self.Close(); err == nil {
			err = cerr
		}
	}()
	if err := a.alerts.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { err = errors.Join(err, a.alerts.close()) }()
	// Outputs begin before there is anything to send, and end after it.
	defer a.outputs.run(ctx)()
	// Before anybody can register: the manager takes nobody until it runs.
	stopDetecting, err := a.detect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer stopDetecting()
	if err := a.respond(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := a.listenToCollectors(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	a.life.Publish()
	if a.o.Listening != nil {
		a.o.Listening(a.path)
	}
	var parts sync.WaitGroup
	parts.Go(func() { a.monitor.run(ctx) })
	parts.Go(func() { a.progress.Run(ctx) })
	parts.Go(func() { a.exporter.run(ctx, a) })
	parts.Go(func() { a.announce(ctx) })
	parts.Go(func() {
		<-ctx.Done()
		a.notify(a.o.Service.Stopping())
		_ = a.life.Move(control.ShuttingDown, "") // which any other state can become
	})
	if !slices.ContainsFunc(a.manager.Status(), func(c control.CollectorStatus) bool { return !c.External }) {
		a.decide(false) // there is none to wait for
	}
	parts.Go(func() { memory.NewReturner(a.broker.Charged, a.broker.Compact).Run(ctx) })
	a.manager.Run(ctx, a.path)
	<-ctx.Done() // all collectors may have been given up before
	parts.Wait()
	return nil
}

const (
	// defaultOpenTimeout is how long a collector may take to open its source, which is as long
	// as it may take to register.
	defaultOpenTimeout = 10 * time.Second
	// openInterval is the time between two looks at whether that has passed.
	openInterval = 100 * time.Millisecond
)

// announce notifies the service manager and calls Ready when each collector observes, or has
// failed to.
func (a *Agent) announce(ctx context.Context) {
	again := time.NewTicker(openInterval)
	defer again.Stop()
	for !a.isReady() {
		select {
		case <-a.decided:
		case <-again.C: // a collector whose time has passed makes no change
			a.decide(false)
		case <-ctx.Done():
			return
		}
	}
	s, err := a.status(ctx, 0)
	if err != nil {
		return // the broker is ending
	}
	a.notify(a.o.Service.Ready(healthText(s.Agent.State, s.Health)))
	if a.o.Ready != nil {
		a.o.Ready(s)
	}
}

// collectorChanged publishes a collector's new state, and what it makes of the agent's.
func (a *Agent) collectorChanged(s control.CollectorStatus) {
	a.monitor.usage.Expire(s.PID)
	a.publish(control.LifecycleTopic, s, false)
	a.decide(s.State == control.CollectorRunning)
}

// decide closes decided when each collector observes, or has failed to.
func (a *Agent) decide(registered bool) {
	if a.life.Collectors(a.manager.Status(), registered) {
		a.decideOnce.Do(func() { close(a.decided) })
	}
}
