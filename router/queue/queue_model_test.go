package queue_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/queue"
)

// ledger checks what a consumer of one lane receives. It does not depend on how a queue
// works. It demands that each number comes once, as a message or in a gap, in order, and
// that the bytes of gaps are those of the missing messages.
type ledger struct {
	next uint64 // sequence number
	// received messages, and those in gaps
	delivered, lost, deliveredBytes, lostBytes uint64
	unknown                                    int // gaps of unknown size
}

// see checks one Batch against the numbers before it.
func (l *ledger) see(t *queue.Batch) error {
	if t.HasGap && t.Gap.Count == 0 {
		l.unknown++
		if t.Gap.First != l.next {
			return fmt.Errorf("a gap of unknown size is at %d, want %d", t.Gap.First, l.next)
		}
	} else if t.HasGap {
		g := t.Gap
		if g.First != l.next || g.Last != g.First+g.Count-1 {
			return fmt.Errorf("gap %d-%d of %d messages, want one from %d", g.First, g.Last, g.Count, l.next)
		}
		if g.Reason < frame.ReasonDropOldest || g.Reason > frame.ReasonConnection {
			return fmt.Errorf("gap for %v", g.Reason)
		}
		l.next += g.Count
		l.lost += g.Count
		l.lostBytes += g.Bytes
	}
	for i := range t.Items {
		if seq := t.Items[i].Sequence(); seq != l.next {
			return fmt.Errorf("message %d, want %d", seq, l.next)
		}
		l.next++
		l.delivered++
		l.deliveredBytes += uint64(t.Items[i].Len)
	}
	return nil
}

// agrees checks the counters of an empty queue against the ledger, and the ledger
// against what was pushed.
func (l *ledger) agrees(c queue.Counts, pushed, bytes uint64) error {
	switch {
	case l.delivered+l.lost != pushed || l.deliveredBytes+l.lostBytes != bytes:
		return fmt.Errorf("seen are %d + %d of %d messages, %d + %d of %d bytes", l.delivered, l.lost, pushed, l.deliveredBytes, l.lostBytes, bytes)
	case c.Matched != pushed || c.Delivered != l.delivered || c.Dropped != l.lost || c.Queued != 0 || c.Taken != 0:
		return fmt.Errorf("the counters are %+v, the consumer received %d and lost %d", c, l.delivered, l.lost)
	}
	return nil
}

// queueMachine drives both ends of a queue with any mix of calls.
type queueMachine struct {
	f             *feed
	o             router.Overflow
	capacity      int
	l             ledger
	pushed, bytes uint64
	marks         int
	last          map[string]int // conflate: the number last delivered of each topic
	count         int
}

func (m *queueMachine) push(t *rapid.T) {
	topic := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "topic")
	var payloads []string
	for range rapid.IntRange(1, 3*m.capacity).Draw(t, "n") {
		payloads = append(payloads, fmt.Sprintf("%04d%*s", m.count, rapid.IntRange(0, 9).Draw(t, "pad"), ""))
		m.count++
	}
	items := m.f.items(topic, payloads...)
	for i := range items {
		m.pushed++
		m.bytes += uint64(items[i].Len)
	}
	before := m.f.q.Count()
	if short := m.f.q.Admit(router.Bulk, items); short != 0 {
		t.Fatalf("%d bytes are short, of more than can be charged", short)
	}
	dropped := m.f.q.Push(router.Bulk, items, &m.f.scratch)
	if after := m.f.q.Count(); after.Dropped-before.Dropped != uint64(dropped) {
		t.Fatalf("Push returns %d dropped, Count has %d", dropped, after.Dropped-before.Dropped)
	}
}

func (m *queueMachine) take(t *rapid.T) {
	q := m.f.q
	pending := q.Pending()
	tk, ok := q.Dequeue(rapid.IntRange(1, queue.ClaimSize).Draw(t, "max"))
	if ok != pending {
		t.Fatalf("Take: %v, Pending: %v", ok, pending)
	}
	if !ok {
		return
	}
	if err := m.l.see(&tk); err != nil {
		t.Fatal(err)
	}
	size := 0
	for i := range tk.Items {
		f := tk.Items[i].Frame()
		size += len(f)
		var n int
		fmt.Sscanf(string(f.Payload()), "%d", &n)
		key := string(f.Topic())
		if m.o != router.Conflate {
			key = "" // all messages are in order, not only those of a topic
		}
		if last, seen := m.last[key]; seen && n <= last {
			t.Fatalf("message %d comes after %d", n, last)
		}
		m.last[key] = n
	}
	q.Delivered(tk.Lane, len(tk.Items), uint64(size))
	queue.ReleaseItems(tk.Items)
}

func (m *queueMachine) evict(t *rapid.T) {
	before := m.f.q.Count()
	n := m.f.evict(rapid.IntRange(0, m.capacity+1).Draw(t, "n"))
	after := m.f.q.Count()
	if d := int(after.Dropped - before.Dropped); d != n || before.Queued-after.Queued != n {
		t.Fatalf("Evict says %d, dropped are %d, the queue went from %d to %d", n, d, before.Queued, after.Queued)
	}
}

// trim must change nothing for the consumer.
func (m *queueMachine) trim(*rapid.T) { m.f.q.TrimIdle() }

func (m *queueMachine) skip(t *rapid.T) {
	n, size := rapid.Uint64Range(1, 5).Draw(t, "n"), rapid.Uint64Range(0, 100).Draw(t, "size")
	m.pushed += n
	m.bytes += size
	m.f.skip(n, size, frame.ReasonReplay)
}

func (m *queueMachine) skipUnknown(*rapid.T) {
	m.marks++
	m.f.skip(0, 0, frame.ReasonConnection)
}

func (m *queueMachine) check(t *rapid.T) {
	c := m.f.q.Count()
	if c.Matched != m.pushed || c.Matched != c.Delivered+c.Dropped+uint64(c.Queued)+uint64(c.Taken) {
		t.Fatalf("pushed %d: %+v", m.pushed, c)
	}
	if c.Taken < 0 || c.Queued < 0 || c.Queued > m.capacity {
		t.Fatalf("capacity %d: %+v", m.capacity, c)
	}
}

// finish takes what is left and checks the counters.
func (m *queueMachine) finish(t *rapid.T) {
	for m.f.q.Pending() {
		m.take(t)
	}
	if err := m.l.agrees(m.f.q.Count(), m.pushed, m.bytes); err != nil {
		t.Fatal(err)
	}
	if m.l.unknown > m.marks || m.marks > 0 && m.l.unknown == 0 {
		t.Fatalf("%d gaps of unknown size are shown, of %d", m.l.unknown, m.marks)
	}
	if n := m.f.pool.Live(); n != 0 {
		t.Fatalf("%d bytes of buffers are not back in the pool", n)
	}
}

func testQueueModel(t *testing.T, discard bool) {
	for _, o := range []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate, router.Disconnect} {
		t.Run(string(o), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				capacity := rapid.SampledFrom([]int{1, 2, 3, 9, 70}).Draw(rt, "capacity")
				m := &queueMachine{f: rawFeed(t, o, capacity, 1, false), o: o, capacity: capacity, last: make(map[string]int)}
				rt.Repeat(map[string]func(*rapid.T){
					"push": m.push, "push more": m.push, "take": m.take, "take more": m.take,
					"evict": m.evict, "trim": m.trim, "skip": m.skip, "skip unknown": m.skipUnknown, "": m.check,
				})
				if !discard {
					m.finish(rt)
					return
				}
				m.f.q.Discard()
				c := m.f.q.Count()
				if c.Matched != c.Delivered+c.Dropped || c.Queued != 0 || c.QueuedBytes != 0 {
					rt.Fatalf("after Discard: %+v", c)
				}
				if n := m.f.pool.Live(); n != 0 {
					rt.Fatalf("%d bytes of buffers are not back in the pool", n)
				}
			})
		})
	}
}

func TestAQueueAccountsForEachMessageOnce(t *testing.T) { testQueueModel(t, false) }

func TestADiscardedQueueHoldsNothing(t *testing.T) { testQueueModel(t, true) }
