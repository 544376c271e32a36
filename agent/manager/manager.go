// Package manager holds which collectors there should be and in which state, and works
// towards that.
//
// Apply takes the set of collectors as a whole: the manager starts what is new, ends what is
// gone, restarts what has changed, and does not touch the others. Plan returns before it which
// collectors can take their change while they run. Start, Stop, Restart, Pause,
// Resume and Kill change what is wished of one of them, as operators do. A wish stays: a
// collector that ends without being asked to is started again, see package life, which
// decides what is to be done. This package does it: it owns the processes, the timers and the
// calls.
//
// A collector is a process of its own that the manager starts, or an external one: a process
// of somebody else, which is known by the user it belongs to and by its program. The manager
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
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

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

// Caller asks a collector over the bus. An error is the reason there is no good answer.
type Caller interface {
	Check(ctx context.Context, collector string) error
	Pause(ctx context.Context, collector string) error
	Resume(ctx context.Context, collector string) error
	// Shutdown asks an external collector to end.
	Shutdown(ctx context.Context, collector string) error
}

// Missed means that the events of a collector are missed since a time.
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

// external is an external collector as other goroutines see it.
type external struct {
	External
	pid int // of the process that is registered as it; 0 for none
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
	ext  map[string]external       // guarded by mu; external collectors by name, replaced as a whole
}

// New makes a manager without collectors. It starts nothing.
func New(o Options) *Manager {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Manager{o: o, wake: make(chan struct{}, 1), probes: make(chan chan struct{}), children: map[string]*child{}}
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
	x, ok := m.ext[name]
	return x.External, ok
}

// Holds reports whether the process may have the place that is kept for the external collector
// called name: the process that is registered as it, or any where none is that lives.
func (m *Manager) Holds(name string, pid int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.ext[name]
	return ok && (x.pid == 0 || x.pid == pid || unix.Kill(x.pid, 0) == unix.ESRCH)
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
