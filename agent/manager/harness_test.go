package manager_test

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
)

// patience is how long a test waits for what must come; only a test that fails
// takes that long.
const patience = 20 * time.Second

// running is a manager at work on collectors of this program.
type running struct {
	t       *testing.T
	m       *manager.Manager
	changes chan control.CollectorStatus
	seen    []control.CollectorState // of the changes that were awaited
	log     *log
	stop    func() // and wait until Run has returned
}

// run starts a manager whose collectors have the given names. A collector that
// writes that it is ready is registered.
func run(t *testing.T, o manager.Options, names ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, changes: make(chan control.CollectorStatus, 10_000)}
	r.log = &log{said: r.register}
	if o.Life.Beat == 0 {
		o.Life.Beat = -1 // these collectors make no heartbeats
	}
	if o.Command == nil {
		o.Command = []string{self, "collector"}
	}
	o.Logger = slog.New(r.log)
	o.Changed = func(s control.CollectorStatus) {
		r.m.Status() // Changed may look
		r.changes <- s
	}
	r.m = manager.New(o)
	r.apply(specs(names...)...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.m.Run(ctx, "the.sock") }() // awaited by stop
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	t.Cleanup(r.stop)
	return r
}

// specs are of collectors with these names.
func specs(names ...string) (all []manager.Spec) {
	for _, n := range names {
		all = append(all, manager.Spec{Config: control.ChildConfig{Collector: n}})
	}
	return all
}

func (r *running) apply(all ...manager.Spec) manager.Applied {
	r.t.Helper()
	done, err := r.m.Apply(all)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// register takes what a collector writes. Its session is its pid.
func (r *running) register(collector, text string) {
	for _, s := range r.m.Status() {
		if s.Name != collector {
			continue
		}
		switch session := (manager.Session{Source: uint32(s.PID), PID: s.PID}); text {
		case "ready":
			err := r.m.Register(session, control.Registration{Collector: collector, Source: "nothing"}, nil)
			if err != nil {
				r.t.Errorf("register: %v", err)
			}
		case "beat":
			r.m.Beat(session.Source, control.Heartbeat{Collector: collector, Emitted: 1})
		}
	}
}

// await returns the next change to state; the changes before it are let go.
func (r *running) await(state control.CollectorState) control.CollectorStatus {
	r.t.Helper()
	return r.awaitAny(state)
}

func (r *running) awaitAny(states ...control.CollectorState) control.CollectorStatus {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case s := <-r.changes:
			r.seen = append(r.seen, s.State)
			if slices.Contains(states, s.State) {
				s.Since, s.NextTry = time.Time{}, time.Time{}
				return s
			}
		case <-timeout:
			r.t.Fatalf("no collector came to be %q; now %+v", states, r.m.Status())
		}
	}
}

// checkGone holds that a process has ended and was waited for.
func (r *running) checkGone(pid int) {
	r.t.Helper()
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		r.t.Errorf("kill(%d, 0) = %v: the process is there still, or a zombie", pid, err)
	}
}

// log keeps what is logged, and gives said each line of a collector.
type log struct {
	said func(collector, text string)

	mu    sync.Mutex
	lines []string // guarded by mu
}

// recorder is log with a collector's name.
type recorder struct {
	*log
	collector string
}

func (l *log) Enabled(context.Context, slog.Level) bool { return true }
func (l *log) WithGroup(string) slog.Handler            { return l }
func (l *log) Handle(ctx context.Context, r slog.Record) error {
	return recorder{l, ""}.Handle(ctx, r)
}

func (l *log) WithAttrs(as []slog.Attr) slog.Handler {
	return recorder{l, as[0].Value.String()}
}

func (r recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	r.lines = append(r.lines, rec.Level.String()+" "+rec.Message)
	r.mu.Unlock()
	if r.said != nil {
		r.said(r.collector, rec.Message)
	}
	return nil
}

// severe returns what was logged at warn and above.
func (l *log) severe() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !strings.HasPrefix(line, "INFO") {
			all = append(all, line)
		}
	}
	return all
}
