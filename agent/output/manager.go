package output

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// Options are what a Manager works with.
type Options struct {
	// Source is the journal of alerts, Bus where other messages come from.
	Source Source
	Bus    Bus
	// Logger takes the log; default slog.Default.
	Logger *slog.Logger
}

// Manager runs the outputs of an agent. Safe for concurrent use.
type Manager struct {
	o    Options
	life string // of this run of the agent

	applying sync.Mutex // held by Apply; it guards no field, only the order

	mu      sync.Mutex
	entries map[string]*entry // guarded by mu; removed ones too
	ctx     context.Context   // guarded by mu; that of Run, nil before
	over    bool              // guarded by mu; Run starts nothing any more
	running sync.WaitGroup    // entries
}

// ErrUnknown is returned for an output that there is not.
var ErrUnknown = errors.New("there is no such output")

// New makes a Manager without outputs. It starts nothing.
func New(o Options) *Manager {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return &Manager{o: o, life: rand.Text()[:12], entries: map[string]*entry{}}
}

// Check returns what is wrong with specs. Apply returns the same, and changes nothing then.
func Check(specs []Spec) error {
	names := map[string]bool{}
	for i := range specs {
		s := &specs[i]
		if err := CheckTopics(s.Topics); err != nil {
			return fmt.Errorf("%s: topics: %w", s, err)
		}
		if names[s.Name] {
			return fmt.Errorf("%s: a second output of that name", s)
		}
		names[s.Name] = true
	}
	return nil
}

// Apply has the Manager run these outputs and no others, from Run on. Each of them makes
// its sink anew, also where nothing changed, so that it reads its secrets and opens its
// files again. Nothing is lost: an output goes on where it was, and one that is removed
// keeps its cursor for the case that it comes back. Apply waits until the outputs that are
// removed have ended, which takes some seconds at most.
func (m *Manager) Apply(specs []Spec) error {
	if err := Check(specs); err != nil {
		return err
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	wanted := map[string]*Spec{}
	for i := range specs {
		s := specs[i]
		s.setDefaults()
		wanted[s.Name] = &s
	}
	m.mu.Lock()
	now := maps.Clone(m.entries)
	m.mu.Unlock()
	var removed []*entry
	for name, e := range now {
		if wanted[name] == nil && e.change(nil) {
			removed = append(removed, e)
		}
	}
	for _, e := range removed {
		e.stopped()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		e := m.entries[name]
		if e == nil {
			e = newEntry(m, name)
			m.entries[name] = e
			m.startLocked(e)
		}
		e.change(wanted[name])
	}
	return nil
}

func (m *Manager) startLocked(e *entry) {
	switch ctx := m.ctx; {
	case m.over:
		close(e.ended)
	case ctx != nil:
		m.running.Go(func() { e.run(ctx) })
	}
}

// Run runs the outputs until ctx ends. What they are sending then has some seconds. It may
// be called once.
func (m *Manager) Run(ctx context.Context) {
	m.mu.Lock()
	m.ctx = ctx
	for _, e := range m.entries {
		m.startLocked(e)
	}
	m.mu.Unlock()
	<-ctx.Done()
	m.mu.Lock()
	m.over = true
	m.mu.Unlock()
	m.running.Wait()
}

// Status returns all outputs by name.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	entries := slices.Collect(maps.Values(m.entries))
	m.mu.Unlock()
	last, now := m.o.Source.Last(), time.Now()
	all := make([]Status, 0, len(entries))
	for _, e := range entries {
		if s, ok := e.state(last, now); ok {
			all = append(all, s)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// Test has the output called name send a notice that is a test, and returns what became of
// it. It waits while the output is sending something else, until ctx ends. ErrUnknown for
// an output that there is not.
func (m *Manager) Test(ctx context.Context, name string) error {
	m.mu.Lock()
	e := m.entries[name]
	m.mu.Unlock()
	if e == nil {
		return ErrUnknown
	}
	return e.test(ctx)
}

// worst is the health of what an entry has, apart from its worker.
func worst(h control.Health, feed error) control.Health {
	if feed != nil && h.State < control.Unhealthy {
		return control.Health{State: control.Unhealthy, Reason: "no subscription: " + feed.Error(), Since: h.Since}
	}
	return h
}
