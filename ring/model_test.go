package ring_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/ring"
)

// model is what a ring is meant to be, on one goroutine: a slice. It drives a ring and
// a ledger along with it.
type model struct {
	ring     *ring.Ring[cell]
	ledger   *ledger
	chunk    int
	capacity int
	maxBytes int64
	queue    []cell
	first    uint64 // the sequence number of queue[0]
	taken    uint64 // the sequence number after the last one that was claimed
	popped   uint64
	refused  uint64
	closed   bool
}

// modelSize makes elements of all sizes from 0 to 12 bytes.
func modelSize(c *cell) int { return int(c.id * 5 % 13) }

func (m *model) bytes() (sum int64) {
	for _, c := range m.queue {
		sum += int64(modelSize(&c))
	}
	return sum
}

func (m *model) fits(c cell) bool {
	return !m.closed && len(m.queue) < m.capacity &&
		(m.maxBytes == 0 || m.bytes()+int64(modelSize(&c)) <= m.maxBytes)
}

func (m *model) shift(n int) []cell {
	out := slices.Clone(m.queue[:n])
	m.queue = m.queue[n:]
	m.first += uint64(n)
	return out
}

// push is what PushBatch has to hand back for c.
func (m *model) push(c cell) (out []cell) {
	if m.closed || m.maxBytes > 0 && int64(modelSize(&c)) > m.maxBytes {
		m.refused++
		m.ledger.refuse(c)
		return []cell{c}
	}
	for !m.fits(c) {
		out = append(out, m.shift(1)...)
	}
	m.ledger.evict(out...)
	m.queue = append(m.queue, c)
	return out
}

func (m *model) pushBatch(t *rapid.T) {
	var want []cell
	vs := nextBatch(m.ledger, rapid.IntRange(0, 2*m.capacity+1).Draw(t, "n"))
	for _, c := range vs {
		want = append(want, m.push(c)...)
	}
	m.same(t, want, m.ring.PushBatch(vs, nil))
}

func (m *model) pushOne(t *rapid.T) {
	if m.maxBytes > 0 {
		t.Skip("Push does not go with a byte budget")
	}
	c := m.ledger.next()
	want := m.push(c)
	if old, out := m.ring.Push(c); out {
		m.same(t, want, []cell{old})
	} else {
		m.same(t, want, nil)
	}
}

func (m *model) offerBatch(t *rapid.T) {
	vs := nextBatch(m.ledger, rapid.IntRange(0, m.capacity+1).Draw(t, "n"))
	n := 0
	for n < len(vs) && m.fits(vs[n]) {
		m.queue = append(m.queue, vs[n])
		n++
	}
	m.ledger.unsent(len(vs) - n)
	got := 0
	if len(vs) == 1 {
		if m.ring.Offer(vs[0]) {
			got = 1
		}
	} else {
		got = m.ring.OfferBatch(vs)
	}
	if got != n {
		t.Fatalf("%d of %d were taken, want %d", got, len(vs), n)
	}
}

func (m *model) evict(t *rapid.T) {
	n := rapid.IntRange(0, m.capacity+1).Draw(t, "n")
	want := m.shift(min(n, len(m.queue)))
	m.ledger.evict(want...)
	m.same(t, want, m.ring.Evict(n, nil))
}

func (m *model) pop(t *rapid.T) {
	c, ok := m.ring.Pop()
	if ok != (len(m.queue) > 0) {
		t.Fatalf("Pop: %v with %d queued", ok, len(m.queue))
	}
	if ok {
		m.take(t, ring.Batch[cell]{Items: []cell{c}, Seq: m.first, Lost: m.first - m.taken})
	}
}

func (m *model) popBatch(t *rapid.T) {
	dst := make([]cell, rapid.IntRange(1, m.capacity+1).Draw(t, "n"))
	n, lost := m.ring.PopBatch(dst)
	if n == 0 && len(m.queue) > 0 {
		t.Fatalf("nothing with %d queued", len(m.queue))
	}
	if n > 0 {
		m.take(t, ring.Batch[cell]{Items: dst[:n], Seq: m.first, Lost: lost})
	}
}

func (m *model) claim(t *rapid.T) {
	limit := rapid.IntRange(1, m.capacity+1).Draw(t, "limit")
	b := m.ring.Claim(limit)
	end := int(m.first)/m.chunk*m.chunk + m.chunk
	switch {
	case len(m.queue) == 0 && m.closed:
		m.take(t, b)
	case len(m.queue) == 0:
		if b.Items != nil || b.Lost != 0 {
			t.Fatalf("got %+v of an empty ring", b)
		}
	case len(b.Items) == 0 || len(b.Items) > limit || int(b.Seq)+len(b.Items) > end:
		t.Fatalf("got %d elements from %d on, limit %d, chunks of %d", len(b.Items), b.Seq, limit, m.chunk)
	default:
		m.take(t, b)
	}
	if rapid.Bool().Draw(t, "release") {
		m.ring.Release()
	}
}

// take checks a batch that was claimed, and moves the model along.
func (m *model) take(t *rapid.T, b ring.Batch[cell]) {
	if b.Seq != m.first || b.Lost != m.first-m.taken {
		t.Fatalf("at %d with %d lost, want %d with %d", b.Seq, b.Lost, m.first, m.first-m.taken)
	}
	for _, c := range b.Items {
		m.ledger.pop(c)
	}
	m.same(t, m.shift(len(b.Items)), b.Items)
	m.taken = m.first
	m.popped += uint64(len(b.Items))
}

func (m *model) close(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "dice") > 0 {
		t.Skip("an open ring has more to show")
	}
	m.ring.Close()
	m.closed = true
}

func (m *model) same(t *rapid.T, want, got []cell) {
	if !slices.Equal(want, got) {
		t.Fatalf("-want +got:\n%s", cmp.Diff(ids(want), ids(got)))
	}
}

func ids(cells []cell) (ids []uint64) {
	for _, c := range cells {
		ids = append(ids, c.id)
	}
	return ids
}

// check compares what can be seen from outside after each step.
func (m *model) check(t *rapid.T) {
	want := ring.Stats{
		Pushed: m.first + uint64(len(m.queue)), Popped: m.popped, Evicted: m.first - m.popped,
		Refused: m.refused, Len: len(m.queue), Bytes: m.bytes(),
	}
	if m.maxBytes == 0 {
		want.Bytes = 0
	}
	if got := m.ring.Stats(); got != want {
		t.Fatalf("stats: got %+v, want %+v", got, want)
	}
	if m.ring.Len() != want.Len || m.ring.Bytes() != want.Bytes || m.ring.Closed() != m.closed {
		t.Fatalf("Len, Bytes or Closed differ from %+v", want)
	}
	if made, bound := m.ring.Chunks(), m.ring.MaxChunks(); made > bound {
		t.Fatalf("%d chunks, bound %d", made, bound)
	}
}

func TestRingBehavesAsASlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		capacity := rapid.IntRange(1, 20).Draw(rt, "capacity")
		shift := rapid.UintRange(0, 3).Draw(rt, "shift")
		m := &model{capacity: capacity, chunk: 1 << shift, ledger: newLedger(t, 100_000)}
		o := ring.Options[cell]{Capacity: capacity}
		if rapid.Bool().Draw(rt, "budget") {
			m.maxBytes = rapid.Int64Range(1, 60).Draw(rt, "maxBytes")
			o.MaxBytes, o.SizeOf = m.maxBytes, modelSize
		}
		m.ring = ring.NewChunked(o, shift)
		rt.Repeat(map[string]func(*rapid.T){
			"Push": m.pushOne, "PushBatch": m.pushBatch, "OfferBatch": m.offerBatch, "Evict": m.evict,
			"Pop": m.pop, "PopBatch": m.popBatch, "Claim": m.claim, "Close": m.close, "": m.check,
		})
		m.ledger.settle(m.ring)
	})
}
