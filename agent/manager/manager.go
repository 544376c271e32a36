// Package manager holds which collectors there should be and in which state, and works
// towards that.
//
// Apply takes the set of collectors as a whole: the manager starts what is new, ends what is
// gone, restarts what has changed, and does not touch the others. Start, Stop, Restart, Pause,
// Resume and Kill change what is wished of one of them, as operators do. A wish stays: a
// collector that ends without being asked to is started again, see package life, which
// decides what is to be done. This package does it: it owns the processes, the timers and the
// calls.
//
// A collector is a process of its own that the manager starts, or an external one: a process
// of somebody else, which is told by the user it belongs to and by its program. The manager
// takes a registration from a collector's own process only, as the kernel names it.
//
// The manager asks a process to end with SIGTERM, and kills it when it does not end in time.
// A collector dies with the agent: the kernel kills it when the thread that started it ends,
// and its standard input ends.
//
// The manager logs at warn when a collector ends that was not asked to, when one does not
// respond, takes more than its limits, has to be killed, or cannot be killed; at error when
// one is given up. At info it logs that the agent stood still, and what a collector writes
// to its standard error, line by line.
package manager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
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
	// Life are the times of each collector.
	Life life.Options
	// Caller asks the collectors. Without it none answers.
	Caller Caller
	// Changed, where set, is called with each change of a collector's state, in
	// order. It may call Status and Collector, and nothing else of the Manager.
	Changed func(control.CollectorStatus)
	// Missed, where set, is called when events of a collector are missed, and again when
	// that is over. It is called under the same terms as Changed.
	Missed func(Missed)
	// Logger takes the log and the collectors' own output; default slog.Default.
	Logger *slog.Logger
}

// Caller asks a collector over the bus. An error says why there is no good answer.
type Caller interface {
	Check(ctx context.Context, collector string) error
	Pause(ctx context.Context, collector string) error
	Resume(ctx context.Context, collector string) error
	// Shutdown asks an external collector to end.
	Shutdown(ctx context.Context, collector string) error
}

// Missed says that the events of a collector are missed since a time.
type Missed struct {
	Collector string
	// Reason is what the collector did or what was done to it, such as "was paused".
	Reason string
	// Since is when the last event came that is known, or when the collector began. It has a
	// monotonic reading.
	Since time.Time
	// Until is when the collector collects again, or at least the manager gave up on it;
	// zero where that is not known yet.
	Until time.Time
}

// Spec is what one collector should be.
type Spec struct {
	// Config is what its process is given. Collector in it is its name.
	Config control.ChildConfig
	// External, where set, is which processes may be this collector. The manager starts
	// none.
	External *External
	// Limits are what it may take.
	Limits life.Limits
}

// External are the processes that may be an external collector.
type External struct {
	UID int
	// Executable is the path of the program; empty for any.
	Executable string
}

// Manager supervises collectors. Safe for concurrent use.
type Manager struct {
	o      Options
	wake   chan struct{}      // the time of the next thing to do may have changed; holds one
	probes chan chan struct{} // each is closed behind a turn of watch

	// acting is held while something that happened is taken and what follows from it is
	// done, so that Changed gets the changes in order. It is taken before mu.
	acting   sync.Mutex
	clock    life.Clock        // guarded by acting
	children map[string]*child // guarded by acting; by name
	socket   string            // guarded by acting
	running  bool              // guarded by acting; Run runs and has not been asked to end
	over     bool              // guarded by acting; nothing is done any more
	ctx      context.Context   // guarded by acting; of calls
	starter  *starter          // guarded by acting; nil as long as Run does not run
	calls    sync.WaitGroup    // added to under acting

	mu   sync.Mutex
	view []control.CollectorStatus // guarded by mu; sorted by name, replaced as a whole
	pids map[int]string            // guarded by mu; collectors by the pid of their process, replaced as a whole
	ext  map[string]External       // guarded by mu; external collectors by name, replaced as a whole
}

// New makes a manager without collectors. It starts nothing.
func New(o Options) *Manager {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Manager{o: o, wake: make(chan struct{}, 1), probes: make(chan chan struct{}), children: map[string]*child{}}
}

// Applied says what Apply made of the collectors, by name.
type Applied struct{ Added, Removed, Changed []string }

// Errors of Apply.
var (
	errNoCommand = errors.New("manager: no command to run collectors with")
	errTwice     = errors.New("manager: a collector is there twice")
)

// Apply makes the set of collectors what specs say. It changes nothing where it fails, and
// does not wait until the collectors are what they should be. What an operator wished of a
// collector that is in both sets stays.
func (m *Manager) Apply(specs []Spec) (done Applied, err error) {
	next := make(map[string]Spec, len(specs))
	for _, s := range specs {
		name := s.Config.Collector
		if _, twice := next[name]; twice {
			return done, fmt.Errorf("%w: %q", errTwice, name)
		}
		if len(m.o.Command) == 0 && s.External == nil {
			return done, errNoCommand
		}
		next[name] = s
	}
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.children)) {
		c := m.children[name]
		if _, stays := next[name]; stays || c.removed {
			continue
		}
		c.removed = true
		done.Removed = append(done.Removed, name)
		m.take(c, life.Event{Kind: life.Wished, Wish: life.ToStop})
	}
	for _, name := range slices.Sorted(maps.Keys(next)) {
		s, c := next[name], m.children[name]
		switch {
		case c == nil:
			done.Added = append(done.Added, name)
			c = m.newChild(s)
			m.children[name] = c
			m.begin(c)
		case c.removed:
			done.Added = append(done.Added, name)
			c.spec, c.settings, c.removed = s, nil, false
			m.begin(c)
		case (c.spec.External == nil) != (s.External == nil):
			done.Changed = append(done.Changed, name)
			c.replaceBy = &s
			m.take(c, life.Event{Kind: life.Wished, Wish: life.ToStop})
		case !reflect.DeepEqual(c.spec, s):
			done.Changed = append(done.Changed, name)
			restart := !reflect.DeepEqual(c.spec.Config, s.Config) || !reflect.DeepEqual(c.spec.External, s.External)
			c.spec, c.settings = s, nil
			if restart && m.running && c.life.Wish != life.ToStop {
				m.take(c, life.Event{Kind: life.RestartWished, Reason: "its configuration has changed"})
			}
		}
	}
	m.show()
	m.alarm()
	return done, nil
}

// begin has a new collector run, if collectors run already. acting is held.
func (m *Manager) begin(c *child) {
	if m.running {
		m.take(c, life.Event{Kind: life.Wished, Wish: life.ToRun})
	}
}

// Configured notes with which settings a collector runs that has been given others than those
// that Apply named: its next process gets them too. They hold until Apply changes the
// collector.
func (m *Manager) Configured(name string, change func(settings json.RawMessage) json.RawMessage) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.children[name]
	if err := m.refusal(c); err != nil {
		return err
	}
	c.settings = change(c.config().Settings)
	return nil
}

// config is what the collector's next process is given. acting is held.
func (c *child) config() control.ChildConfig {
	config := c.spec.Config
	config.Paused = c.life.Wish == life.ToPause
	if c.settings != nil {
		config.Settings = c.settings
	}
	return config
}

// Status returns the collectors in the order of their names.
func (m *Manager) Status() []control.CollectorStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.view)
}

// Collector returns the name of the collector that runs as process pid, which the manager
// has started.
func (m *Manager) Collector(pid int) (name string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, ok = m.pids[pid]
	return name, ok && pid != 0
}

// External returns which processes may be the external collector called name.
func (m *Manager) External(name string) (e External, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok = m.ext[name]
	return e, ok
}

// ExternalUser reports whether an external collector may be of that user.
func (m *Manager) ExternalUser(uid int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.ext {
		if e.UID == uid {
			return true
		}
	}
	return false
}
