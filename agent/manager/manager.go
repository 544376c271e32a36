// Package manager starts collectors as processes of their own, keeps them
// running, and stops them.
//
// A collector that ends is started again after a pause that doubles each time,
// and is given up after MaxRestarts in a row; one that ran for a while has made
// good, and begins anew. A collector dies with the agent: the kernel kills it
// when the thread that started it ends, and the end of its standard input tells
// it as well.
//
// It logs at warn when a collector ends that was not asked to, and at error when
// one is given up.
package manager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/daemoneye/eventbus/agent/control"
)

// Options configure a Manager. The zero value means the documented defaults,
// but Command has none.
type Options struct {
	// Command is the program that runs a collector, and its first arguments;
	// the collector's name is appended.
	Command []string
	// MaxRestarts in a row end in giving up; default 5.
	MaxRestarts int
	// FirstBackoff and MaxBackoff bound the pause before a restart; defaults
	// 200 ms and 30 s.
	FirstBackoff, MaxBackoff time.Duration
	// MadeGood is how long a collector must run for its restarts to be
	// forgotten; default 1 min.
	MadeGood time.Duration
	// StopTimeout is how long a collector may take to end before it is killed;
	// default 2 s.
	StopTimeout time.Duration
	// Changed, where set, is told of each change of state, on the goroutine of
	// the collector.
	Changed func(control.CollectorStatus)
	// Logger takes what is worth telling, and the collectors' own output;
	// default slog.Default.
	Logger *slog.Logger
}

func (o *Options) setDefaults() error {
	if len(o.Command) == 0 {
		return errors.New("manager: no command to run collectors with")
	}
	o.MaxRestarts = cmp.Or(o.MaxRestarts, 5)
	o.FirstBackoff = cmp.Or(o.FirstBackoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 30*time.Second)
	o.MadeGood = cmp.Or(o.MadeGood, time.Minute)
	o.StopTimeout = cmp.Or(o.StopTimeout, 2*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return nil
}

// Manager supervises collectors. Safe for concurrent use.
type Manager struct {
	o        Options
	children []*child // constant after New
}

// New makes a manager of the collectors that configs describe.
func New(o Options, configs ...control.ChildConfig) (*Manager, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	m := &Manager{o: o}
	for _, c := range configs {
		m.children = append(m.children, &child{o: &m.o, config: c, status: control.CollectorStatus{Name: c.Collector, State: Stopped}})
	}
	return m, nil
}

// Run runs all collectors until ctx ends, and returns when the last one has.
// That some collector was given up is no error of Run's: the others go on.
func (m *Manager) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, c := range m.children {
		g.Go(func() error { c.supervise(ctx); return nil })
	}
	return g.Wait()
}

// Status returns the collectors in the order of their names.
func (m *Manager) Status() []control.CollectorStatus {
	all := make([]control.CollectorStatus, 0, len(m.children))
	for _, c := range m.children {
		all = append(all, c.snapshot())
	}
	slices.SortFunc(all, func(a, b control.CollectorStatus) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Collector returns the name of the collector that runs as process pid.
func (m *Manager) Collector(pid int) (name string, ok bool) {
	for _, c := range m.children {
		if s := c.snapshot(); s.PID == pid && pid != 0 {
			return s.Name, true
		}
	}
	return "", false
}

// Register notes that a collector is ready. It fails when the collector's
// process is not the one that asks.
func (m *Manager) Register(r control.Registration) error {
	for _, c := range m.children {
		if c.config.Collector == r.Collector {
			return c.register(r)
		}
	}
	return fmt.Errorf("manager: no collector is called %q", r.Collector)
}

// The states of a collector.
const (
	Stopped    = "stopped"
	Starting   = "starting"
	Running    = "running"
	Restarting = "waiting to restart"
	GaveUp     = "gave up"
)

// child is one collector and its supervisor's view of it.
type child struct {
	o      *Options
	config control.ChildConfig

	mu     sync.Mutex
	status control.CollectorStatus // guarded by mu
}

func (c *child) snapshot() control.CollectorStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// update changes the status and tells of it.
func (c *child) update(f func(*control.CollectorStatus)) {
	c.mu.Lock()
	f(&c.status)
	s := c.status
	c.mu.Unlock()
	if c.o.Changed != nil {
		c.o.Changed(s)
	}
}

func (c *child) register(r control.Registration) error {
	if s := c.snapshot(); s.PID != r.PID {
		return fmt.Errorf("manager: %s runs as pid %d, not as pid %d", r.Collector, s.PID, r.PID)
	}
	c.update(func(s *control.CollectorStatus) { s.State, s.Source = Running, r.Source })
	return nil
}
