package queue_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
)

// feed is the producer of a queue under test. All its frames lie in buffers of
// one pool, so that the pool shows whether each reference was released.
type feed struct {
	t       testing.TB
	q       *queue.Queue
	pool    *buffer.Pool
	ledger  *charge.Ledger
	scratch []queue.Item
}

func rawFeed(t testing.TB, o router.Overflow, bulk, urgent int, eager bool) *feed {
	f := &feed{t: t, q: new(queue.Queue), pool: buffer.NewPool()}
	f.ledger = charge.NewLedger(1<<40, 1<<40, f.pool)
	f.q.Reset(o, bulk, urgent, eager)
	f.q.ChargeTo(f.ledger.Open(true))
	return f
}

// newFeed is rawFeed with a check at the end of the test.
func newFeed(t testing.TB, o router.Overflow, bulk, urgent int, eager bool) *feed {
	f := rawFeed(t, o, bulk, urgent, eager)
	t.Cleanup(func() {
		if n := f.pool.Live(); n != 0 {
			t.Errorf("%d bytes of buffers are not back in the pool", n)
		}
	})
	return f
}

// items encodes messages on a topic, side by side in one buffer, with one
// reference each.
func (f *feed) items(topic string, payloads ...string) []queue.Item {
	var items []queue.Item
	size := 0
	for _, p := range payloads {
		size += frame.HeaderSize + len(topic) + len(p)
	}
	buf := f.pool.Get(size)
	for _, p := range payloads {
		off := len(buf.B)
		b, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: topic, Payload: []byte(p)})
		if err != nil {
			f.t.Fatal(err)
		}
		buf.B = b
		items = append(items, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(b) - off)})
	}
	buf.Retain(len(items))
	buf.Release(1)
	return items
}

func (f *feed) push(ln router.Lane, topic string, payloads ...string) (dropped int) {
	return f.q.Push(ln, f.items(topic, payloads...), &f.scratch)
}

func (f *feed) evict(n int) int {
	out := f.q.Evict(router.Bulk, n, frame.ReasonMemory, &f.scratch)
	defer queue.ReleaseItems(out)
	return len(out)
}

func (f *feed) skip(count, size uint64, why router.Reason) {
	f.q.RecordLoss(router.Bulk, count, size, why)
}

// take dequeues up to n messages, delivers them, and returns a line for each.
func take(q *queue.Queue, n int) (lines []string) {
	t, ok := q.Dequeue(n)
	if !ok {
		return nil
	}
	urgent := ""
	if t.Lane == router.Urgent {
		urgent = "!"
	}
	if t.HasGap {
		g := t.Gap
		lines = append(lines, fmt.Sprintf("%sgap %d-%d: %d of %d bytes, %s", urgent, g.First, g.Last, g.Count, g.Bytes, g.Reason))
	}
	size := 0
	for i := range t.Items {
		f := t.Items[i].Frame()
		size += len(f)
		lines = append(lines, fmt.Sprintf("%s%d %s", urgent, t.Items[i].Sequence(), f.Payload()))
	}
	q.Delivered(t.Lane, len(t.Items), uint64(size))
	queue.ReleaseItems(t.Items)
	return lines
}

// takeAll takes until nothing is left.
func takeAll(q *queue.Queue) (lines []string) {
	for q.Pending() {
		lines = append(lines, take(q, queue.ClaimSize)...)
	}
	return lines
}

// settled checks the counters of a queue that is empty.
func settled(t testing.TB, q *queue.Queue) {
	t.Helper()
	if c := q.Count(); c.Matched != c.Delivered+c.Dropped || c.Queued != 0 || c.Taken != 0 || c.QueuedBytes != 0 {
		t.Errorf("the counters of an empty queue: %+v", c)
	}
}

// A message on topic "a" with a payload of one digit is 42 bytes long.
func TestQueuePolicies(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    router.Overflow
		do   func(f *feed)
		want []string
	}{
		{"what fits is delivered in order", router.DropOldest,
			func(f *feed) { f.push(router.Bulk, "a", "0", "1", "2", "3") },
			[]string{"0 0", "1 1", "2 2", "3 3"}},
		{"drop-oldest keeps the newest", router.DropOldest,
			func(f *feed) { f.push(router.Bulk, "a", numbers(0, 7)...) },
			[]string{"gap 0-2: 3 of 126 bytes, queue full, oldest dropped", "3 3", "4 4", "5 5", "6 6"}},
		{"drop-oldest, one at a time", router.DropOldest,
			func(f *feed) {
				for _, p := range numbers(0, 9) {
					f.push(router.Bulk, "a", p)
				}
			},
			[]string{"gap 0-4: 5 of 210 bytes, queue full, oldest dropped", "5 5", "6 6", "7 7", "8 8"}},
		{"drop-newest keeps the oldest, and tells of the rest without a message", router.DropNewest,
			func(f *feed) { f.push(router.Bulk, "a", numbers(0, 7)...) },
			[]string{"0 0", "1 1", "2 2", "3 3", "gap 4-6: 3 of 126 bytes, queue full, newest dropped"}},
		{"disconnect keeps the oldest until the end comes", router.Disconnect,
			func(f *feed) { f.push(router.Bulk, "a", numbers(0, 5)...) },
			[]string{"0 0", "1 1", "2 2", "3 3", "gap 4-4: 1 of 42 bytes, queue full, newest dropped"}},
		{"drop-newest with a hole in the middle", router.DropNewest,
			func(f *feed) {
				f.push(router.Bulk, "a", numbers(0, 6)...)
				take(f.q, 2)
				f.push(router.Bulk, "a", "6", "7", "8")
			},
			[]string{"2 2", "3 3", "gap 4-5: 2 of 84 bytes, queue full, newest dropped", "6 6", "7 7", "gap 8-8: 1 of 42 bytes, queue full, newest dropped"}},
		{"conflate keeps the last of each topic, in the order of the first", router.Conflate,
			func(f *feed) {
				f.push(router.Bulk, "a", "0", "1", "2")
				f.push(router.Bulk, "b", "3")
				f.push(router.Bulk, "a", "4")
				f.push(router.Bulk, "b", "5")
			},
			[]string{"gap 0-2: 3 of 126 bytes, conflated", "3 4", "gap 4-4: 1 of 42 bytes, conflated", "5 5"}},
		{"conflate drops the topic that waits longest when there are too many", router.Conflate,
			func(f *feed) {
				for i, topic := range []string{"a", "b", "c", "d", "a", "e"} {
					f.push(router.Bulk, topic, fmt.Sprint(i))
				}
			},
			[]string{"0 1", "1 2", "2 3", "gap 3-4: 2 of 84 bytes, conflated", "5 5"}},
		{"memory goes from the front, and is told without a message", router.DropOldest,
			func(f *feed) { f.push(router.Bulk, "a", "0", "1", "2"); f.evict(2); f.evict(2) },
			[]string{"gap 0-2: 3 of 126 bytes, memory limit"}},
		{"the gravest reason of a gap is told", router.DropOldest,
			func(f *feed) { f.push(router.Bulk, "a", numbers(0, 5)...); f.evict(1) },
			[]string{"gap 0-1: 2 of 84 bytes, memory limit", "2 2", "3 3", "4 4"}},
		{"memory of a queue that conflates", router.Conflate,
			func(f *feed) { f.push(router.Bulk, "a", "0", "1"); f.push(router.Bulk, "b", "2"); f.evict(1) },
			[]string{"0 2", "gap 1-2: 2 of 84 bytes, memory limit"}},
		{"what is told at the end is not told again", router.Conflate,
			func(f *feed) {
				f.push(router.Bulk, "a", "0", "1")
				f.evict(1)
				takeAll(f.q)
				f.push(router.Bulk, "b", "2")
			},
			[]string{"2 2"}},
		{"a loss of known size", router.DropOldest,
			func(f *feed) {
				f.push(router.Bulk, "a", "0")
				f.skip(5, 77, frame.ReasonReplay)
				f.push(router.Bulk, "a", "1")
			},
			[]string{"0 0", "gap 1-5: 5 of 77 bytes, replay expired", "6 1"}},
		{"a loss of known size at the end, conflated", router.Conflate,
			func(f *feed) { f.push(router.Bulk, "a", "0"); f.skip(5, 77, frame.ReasonReplay) },
			[]string{"0 0", "gap 1-5: 5 of 77 bytes, replay expired"}},
		{"a loss of unknown size has no number", router.DropOldest,
			func(f *feed) {
				f.push(router.Bulk, "a", "0")
				f.skip(0, 0, frame.ReasonConnection)
				f.push(router.Bulk, "a", "1")
			},
			[]string{"0 0", "gap 1-1: 0 of 0 bytes, connection lost", "1 1"}},
		{"a loss of unknown size behind one of known size", router.DropNewest,
			func(f *feed) {
				f.push(router.Bulk, "a", numbers(0, 5)...)
				take(f.q, 1)
				f.skip(0, 0, frame.ReasonConnection)
			},
			[]string{"1 1", "2 2", "3 3", "gap 4-4: 1 of 42 bytes, queue full, newest dropped", "gap 5-5: 0 of 0 bytes, connection lost"}},
		{"a loss of unknown size, conflated", router.Conflate,
			func(f *feed) { f.skip(0, 0, frame.ReasonReplay); f.push(router.Bulk, "a", "0") },
			[]string{"gap 0-0: 0 of 0 bytes, replay expired", "0 0"}},
		{"a loss of unknown size takes no room, and is not evicted", router.DropOldest,
			func(f *feed) {
				f.skip(0, 0, frame.ReasonConnection)
				f.push(router.Bulk, "a", numbers(0, 5)...)
			},
			[]string{"gap 0-0: 1 of 42 bytes, queue full, oldest dropped", "gap 1-1: 0 of 0 bytes, connection lost", "1 1", "2 2", "3 3", "4 4"}},
		{"of several losses of unknown size that wait, the last is told", router.DropOldest,
			func(f *feed) {
				f.skip(0, 0, frame.ReasonConnection)
				f.push(router.Bulk, "a", "0", "1")
				f.skip(0, 0, frame.ReasonReplay)
				f.push(router.Bulk, "a", "2")
			},
			[]string{"0 0", "1 1", "gap 2-2: 0 of 0 bytes, replay expired", "2 2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFeed(t, tc.o, 4, 4, false)
			tc.do(f)
			if diff := cmp.Diff(tc.want, takeAll(f.q)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			settled(t, f.q)
		})
	}
}

// Claimable assumes that each message is as large as the largest that may be queued.
func TestClaimableBoundsTheBytesOfADequeue(t *testing.T) {
	pool := buffer.NewPool()
	var q queue.Queue
	q.Reset(router.DropOldest, 100, 100, false)
	var scratch []queue.Item
	push := func(size int) {
		buf := pool.Get(size)
		q.Push(router.Bulk, []queue.Item{{Buf: buf, Len: uint32(size)}}, &scratch)
	}
	for _, step := range []struct{ size, want int }{{100, queue.ClaimSize}, {4000, 25}, {100, 25}, {200_000, 1}} {
		push(step.size)
		if n := q.Claimable(router.Bulk, 100_000); n != step.want {
			t.Errorf("after a message of %d bytes: %d, want %d", step.size, n, step.want)
		}
	}
	q.Discard()
	push(100)
	if n := q.Claimable(router.Bulk, 100_000); n != queue.ClaimSize {
		t.Errorf("after a message of 100 bytes alone: %d, want %d", n, queue.ClaimSize)
	}
	q.Discard()
	if n := pool.Live(); n != 0 {
		t.Errorf("%d bytes are not released", n)
	}
}

// A later loss does not get the reason of an eviction that removed nothing.
func TestAnEvictionThatGetsNothingLeavesNoReason(t *testing.T) {
	f := newFeed(t, router.DropOldest, 2, 2, false)
	f.push(router.Bulk, "a", "0", "1")
	if n := f.evict(0); n != 0 {
		t.Errorf("%d were evicted", n)
	}
	f.push(router.Bulk, "a", "2")
	if diff := cmp.Diff([]string{"gap 0-0: 1 of 42 bytes, queue full, oldest dropped", "1 1", "2 2"}, takeAll(f.q)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Only messages that came since the lane was last empty count, however long the lane has
// been in use, and even if they come in the same buffer again.
func TestTheMemoryEstimateRestartsWhenALaneIsEmpty(t *testing.T) {
	f := newFeed(t, router.DropOldest, 4, 4, false)
	item := f.items("a", "0")[0]
	defer item.Buf.Release(1)
	for range 1000 {
		item.Buf.Retain(1)
		f.q.Push(router.Bulk, []queue.Item{item}, &f.scratch)
		if got := f.q.Weight(router.Bulk); got < int64(cap(item.Buf.B)) {
			t.Fatalf("a message that keeps %d bytes weighs %d", cap(item.Buf.B), got)
		}
		takeAll(f.q)
	}
}

func TestRoomOfAConflatingLaneCountsTopics(t *testing.T) {
	f := newFeed(t, router.Conflate, 4, 4, false)
	f.push(router.Bulk, "a", "0", "1")
	f.push(router.Bulk, "b", "0")
	if n := f.q.Room(router.Bulk); n != 2 {
		t.Errorf("room for %d topics, want 2", n)
	}
	takeAll(f.q)
}
