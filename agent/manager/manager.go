// Package manager starts collectors as processes of their own, keeps them
// running, and stops them.
//
// A collector that ends is started again after a pause that doubles each time, and
// is given up after MaxRestarts in a row. When it was registered for StableAfter, the
// count and the pause begin again. A collector that does not register in time has
// failed and is stopped, and so is one that MarkLost names. A collector whose exit
// status means that the agent refused it for the moment spends no restart.
//
// The manager stops a collector with SIGTERM, and kills it when it does not end in
// time. A collector dies with the agent: the kernel kills it when the thread that
// started it ends, and its standard input ends.
//
// The manager logs at warn when a collector ends that was not asked to, when one is
// lost, and when one has to be killed; at error when one is given up. What a
// collector writes to its standard error is logged at info, line by line.
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

	"github.com/daemoneye/eventbus/agent/control"
)

// Options configure a Manager. The zero value means the documented defaults,
// but Command has none.
type Options struct {
	// Command is the program that runs a collector, and its first arguments;
	// the collector's name is appended. It may be empty where there are none.
	Command []string
	// Executable, where set, is the file that is run instead, and Command[0] is only
	// its name. With /proc/self/exe collectors run the manager's own program, also
	// when another file has its path by then.
	Executable string
	// MaxRestarts in a row end in giving up; default 5, negative for none.
	MaxRestarts int
	// FirstBackoff and MaxBackoff bound the pause before a restart; defaults
	// 200 ms and 30 s. Half of the pause is random.
	FirstBackoff, MaxBackoff time.Duration
	// RegisterTimeout is how long a collector may take to register; default
	// 10 s.
	RegisterTimeout time.Duration
	// StableAfter is how long a collector must have been registered for its
	// restarts to be forgotten; default 1 min.
	StableAfter time.Duration
	// StopTimeout is how long a collector may take to end before it is killed;
	// default 2 s.
	StopTimeout time.Duration
	// Changed, where set, is called with each change of a collector's state, in
	// order. It must not call Register or MarkLost.
	Changed func(control.CollectorStatus)
	// Logger takes the log and the collectors' own output; default slog.Default.
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	o.MaxRestarts = max(cmp.Or(o.MaxRestarts, 5), 0)
	o.FirstBackoff = cmp.Or(o.FirstBackoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 30*time.Second)
	o.RegisterTimeout = cmp.Or(o.RegisterTimeout, 10*time.Second)
	o.StableAfter = cmp.Or(o.StableAfter, time.Minute)
	o.StopTimeout = cmp.Or(o.StopTimeout, 2*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
}

// Manager supervises collectors. Safe for concurrent use.
type Manager struct {
	o        Options
	children []*child // sorted by name; constant after New
}

// New makes a manager of the collectors that configs describe. It starts
// nothing.
func New(o Options, configs ...control.ChildConfig) (*Manager, error) {
	if len(o.Command) == 0 && len(configs) > 0 {
		return nil, errors.New("manager: no command to run collectors with")
	}
	o.setDefaults()
	m := &Manager{o: o}
	for _, c := range configs {
		m.children = append(m.children, newChild(&m.o, c))
	}
	slices.SortFunc(m.children, func(a, b *child) int { return cmp.Compare(a.config.Collector, b.config.Collector) })
	for i := range m.children[:max(len(m.children)-1, 0)] {
		if name := m.children[i].config.Collector; name == m.children[i+1].config.Collector {
			return nil, fmt.Errorf("manager: collector %q is there twice", name)
		}
	}
	return m, nil
}

// Run runs all collectors, which connect to socket, until ctx ends, and returns
// when the last one has ended. A collector that is given up does not end the others.
// Run may be called once.
func (m *Manager) Run(ctx context.Context, socket string) {
	var all sync.WaitGroup
	for _, c := range m.children {
		c.config.Socket = socket
		all.Go(func() { c.supervise(ctx) })
	}
	all.Wait()
}

// Status returns the collectors in the order of their names.
func (m *Manager) Status() []control.CollectorStatus {
	all := make([]control.CollectorStatus, 0, len(m.children))
	for _, c := range m.children {
		all = append(all, c.snapshot())
	}
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

// Register notes that a collector is ready. pid is the process that registers it. It
// fails when that is not the collector's process.
func (m *Manager) Register(pid int, r control.Registration) error {
	for _, c := range m.children {
		if c.config.Collector == r.Collector {
			return c.register(pid, r)
		}
	}
	return fmt.Errorf("manager: no collector is called %q", r.Collector)
}

// MarkLost notes that the registered collector that runs as process pid is of no use
// any more, and why. The manager stops it, and starts it again as its budget allows.
// For any other pid it does nothing.
func (m *Manager) MarkLost(pid int, reason string) {
	for _, c := range m.children {
		if c.markLost(pid, reason) {
			c.log.Warn("collector lost", "reason", reason)
		}
	}
}
