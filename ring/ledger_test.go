package ring_test

import (
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// The fates of an element. Each one has exactly one.
const (
	pending int32 = iota
	popped
	evicted
	refused
)

// token stands for something that has to be released exactly once, such as a
// reference to a buffer.
type token struct{ fate atomic.Int32 }

// cell is what the tests put in rings: wide enough to be seen torn.
type cell struct {
	id    uint64
	token *token
	echo  [2]uint64 // both are ^id
}

// ledger checks the law of conservation: each element is popped, evicted, refused or
// still queued, exactly once; and that order, sequence numbers and losses are right.
type ledger struct {
	t      *testing.T
	tokens []token
	budget int64  // MaxBytes of the ring
	watch  func() // called between any two pushes, if set

	// Owned by the producer.
	offered      uint64 // ids that were given to the ring
	lastEvicted  int64  // the id of the last one that came back
	evictedCount uint64
	refusedCount uint64

	// Owned by the consumer.
	expected    uint64 // the id that comes next if nothing is lost
	poppedCount uint64
	lostCount   uint64
}

func newLedger(t *testing.T, elements int) *ledger {
	return &ledger{t: t, tokens: make([]token, elements), lastEvicted: -1}
}

// next makes the next element to push.
func (l *ledger) next() cell {
	if l.watch != nil {
		l.watch()
	}
	id := l.offered
	l.offered++
	return cell{id: id, token: &l.tokens[id], echo: [2]uint64{^id, ^id}}
}

// unsent takes back the last n elements that next made: the ring did not want them.
func (l *ledger) unsent(n int) { l.offered -= uint64(n) }

func (l *ledger) release(c cell, fate int32) {
	if c.token == nil || c.echo != [2]uint64{^c.id, ^c.id} || c.token != &l.tokens[c.id] {
		l.t.Errorf("torn element: %+v", c)
		return
	}
	if !c.token.fate.CompareAndSwap(pending, fate) {
		l.t.Errorf("element %d: fate %d after fate %d", c.id, fate, c.token.fate.Load())
	}
}

// pushOne pushes one element, in the way that the ring has for that.
func (l *ledger) pushOne(r *ring.Ring[cell]) {
	if l.budget > 0 {
		l.evict(r.PushBatch([]cell{l.next()}, nil)...)
	} else if old, full := r.Push(l.next()); full {
		l.evict(old)
	}
}

// evict records elements that a push or Evict handed back.
func (l *ledger) evict(cells ...cell) {
	for _, c := range cells {
		l.release(c, evicted)
		if int64(c.id) <= l.lastEvicted {
			l.t.Errorf("evicted %d after %d", c.id, l.lastEvicted)
		}
		l.lastEvicted = int64(c.id)
		l.evictedCount++
	}
}

// refuse records elements that a push handed back without having queued them.
func (l *ledger) refuse(cells ...cell) {
	for _, c := range cells {
		l.release(c, refused)
		l.refusedCount++
	}
}

// pop records elements that came out one by one: losses show in their ids only.
func (l *ledger) pop(c cell) {
	if c.id < l.expected {
		l.t.Errorf("popped %d, expected %d or later", c.id, l.expected)
	} else {
		l.lostCount += c.id - l.expected
	}
	l.release(c, popped)
	l.expected = c.id + 1
	l.poppedCount++
}

// lose records what the ring reported as lost.
func (l *ledger) lose(n uint64) {
	l.lostCount += n
	l.expected += n
}

// batch records a batch: its sequence number has to be the id of its first element.
func (l *ledger) batch(b ring.Batch[cell]) {
	l.lose(b.Lost)
	if len(b.Items) > 0 && b.Seq != l.expected {
		l.t.Errorf("batch at %d with %d lost, expected to be at %d", b.Seq, b.Lost, l.expected)
	}
	for _, c := range b.Items {
		if c.id != l.expected {
			l.t.Errorf("element %d in the place of %d", c.id, l.expected)
		}
		l.pop(c)
	}
}

// settle takes out what is left and checks that everything adds up. Both sides have to rest.
func (l *ledger) settle(r *ring.Ring[cell]) {
	l.t.Helper()
	before := r.Stats()
	left := r.Evict(r.Cap(), nil)
	l.evict(left...)
	s := r.Stats()
	if before.Len != len(left) || before.Evicted+uint64(len(left)) != s.Evicted {
		l.t.Errorf("%d elements were left of %+v, which gave %+v", len(left), before, s)
	}
	want := ring.Stats{
		Pushed: l.offered - l.refusedCount, Popped: l.poppedCount,
		Evicted: l.evictedCount, Refused: l.refusedCount,
	}
	if s != want {
		l.t.Errorf("stats: got %+v, want %+v", s, want)
	}
	for id := range l.tokens[:l.offered] {
		if l.tokens[id].fate.Load() == pending {
			l.t.Errorf("element %d was never released", id)
		}
	}
	if made, bound := r.Chunks(), r.MaxChunks(); made > bound {
		l.t.Errorf("%d chunks were made, the bound is %d", made, bound)
	}
	r.Release()
	if n := r.SlotsHeld(func(c cell) bool { return c == cell{} }); n != 0 {
		l.t.Errorf("%d slots of an empty ring still hold something", n)
	}
}
