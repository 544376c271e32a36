package router

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// Meets shows whether two patterns have a topic in common.
func Meets(p, q Pattern) bool { return p.meets(q) }

// Histogram is the latency histogram.
type Histogram struct{ histogram }

// Record counts n durations of ns nanoseconds.
func (h *Histogram) Record(ns int64, n uint64) { h.record(ns, n) }

// Summary returns the percentiles.
func (h *Histogram) Summary() Latency { return h.summary() }

// LocalRing is how many messages an in-process client may have on their way.
const LocalRing = localRing

// LocalBytes is how many bytes.
const LocalBytes = localBytes

// HoldAnswers stops the client from taking answers in until release.
func (l *Local) HoldAnswers() (release func()) { l.calls.mu.Lock(); return l.calls.mu.Unlock }

// Port returns the client's place at the broker.
func (l *Local) Port() *Port { return l.port }

// Tick does what is due once in a while. Routing thread only.
func (b *Broker) Tick() { b.tick() }

// Weight is how much memory a lane is thought to keep.
func Weight(q *Queue, ln Lane) int64 { return q.lanes[ln].weight() }

// Leaving is how many subscriptions have ended and are still remembered. Routing
// thread only.
func (b *Broker) Leaving() int { return len(b.leaving) }

// MaxGone is how many messages that fell out of a replay are remembered at
// least.
const MaxGone = maxGone

// Pace spends the latency budget.
type Pace struct{ pace }

// NewPace returns a Pace with a budget.
func NewPace(budget time.Duration) *Pace { return &Pace{pace{budget: int64(budget)}} }

// Turn takes note of a turn, and returns how long to rest.
func (p *Pace) Turn(now int64, n uint64) time.Duration { return p.turn(now, n) }

// Idle takes note that there was nothing to do.
func (p *Pace) Idle() { p.idle() }

// Filter returns the filter of a subscription.
func Filter(s Subscription) (match func(f frame.Frame, topic, source string) bool, err error) {
	_, f, err := s.compile()
	if err != nil {
		return nil, err
	}
	return func(fr frame.Frame, topic, source string) bool {
		return f.takes(topic) && (f == nil || f.match(fr, topic, source))
	}, nil
}

// Tree is the tree of patterns, with subscriptions known by number.
type Tree struct {
	tree   tree
	finder finder
	subs   map[uint64]*Sub
}

// Add adds number s under p.
func (t *Tree) Add(p Pattern, s uint64) {
	if t.subs == nil {
		t.subs = make(map[uint64]*Sub)
	}
	if t.subs[s] == nil {
		t.subs[s] = &Sub{serial: s}
	}
	t.tree.add(p, t.subs[s])
}

// Remove takes s from under p, and reports whether the tree is empty then.
func (t *Tree) Remove(p Pattern, s uint64) (empty bool) { return t.tree.remove(p, t.subs[s]) }

// Find returns the numbers that topic finds.
func (t *Tree) Find(topic string) (found []uint64) {
	for _, s := range t.finder.find(&t.tree, topic) {
		found = append(found, s.serial)
	}
	return found
}

// Posted returns how many calls the routing thread has yet to make.
func (b *Broker) Posted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}
