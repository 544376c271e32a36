package settle

import (
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/router/bus"
)

// Table has the subscriptions whose queues have counted messages that a publisher waits
// for. Their consumers put them here.
type Table struct {
	wake func()

	mu   sync.Mutex
	subs []*Subscription // guarded by mu
	any  atomic.Bool     // there are subs; written with mu held. The routing thread reads it twice a turn.
}

// NewTable returns an empty table. It calls wake when there is something to Check.
func NewTable(wake func()) *Table { return &Table{wake: wake} }

// Any reports whether there is something to Check. Safe for concurrent use.
func (t *Table) Any() bool { return t.any.Load() }

// Check answers the publishers whose subscriptions have taken all. It reports whether there
// was anything to check.
func (t *Table) Check() bool {
	subs := t.take()
	for _, s := range subs {
		s.check()
	}
	return len(subs) > 0
}

// add is safe for concurrent use.
func (t *Table) add(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.noted {
		s.noted = true
		t.subs = append(t.subs, s)
		t.any.Store(true)
	}
}

// take returns those that were added.
func (t *Table) take() (subs []*Subscription) {
	if !t.any.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	subs, t.subs = t.subs, nil
	t.any.Store(false)
	for _, s := range subs {
		s.noted = false
	}
	return subs
}

// check answers the publishers that have waited for s.
func (s *Subscription) check() {
	for _, f := range s.followers {
		if settled, _ := s.queue.Settled(f.w.lane); !f.waits || settled < f.target {
			continue
		}
		f.waits = false
		if f.w.waiting--; f.w.waiting == 0 {
			f.w.settled(false)
		}
	}
	s.unwatch()
	for ln := range s.asked {
		s.askReport(bus.Lane(ln))
	}
}
