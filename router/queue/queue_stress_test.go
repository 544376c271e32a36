package queue_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/queue"
)

// The producer and the consumer of a queue run freely against each other, under
// every policy. No message may be lost without a gap, come twice or come out of order,
// and every reference must be released.
func TestAQueueBetweenTwoGoroutines(t *testing.T) {
	for _, o := range []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate} {
		for _, capacity := range []int{1, 5, 64, 1000} {
			t.Run(fmt.Sprintf("policy=%s/capacity=%d", o, capacity), func(t *testing.T) {
				t.Parallel()
				stressQueue(t, o, capacity)
			})
		}
	}
}

func stressQueue(t *testing.T, o router.Overflow, capacity int) {
	n := 60_000
	if raceEnabled {
		n = 6_000
	}
	f := newFeed(t, o, capacity, 1, true)
	type sums struct{ messages, bytes uint64 }
	produced := make(chan sums)
	go func() { produced <- func() sums { m, b := produce(f, n); return sums{m, b} }() }()

	var l ledger
	last := make(map[string]uint64)
	for {
		if err := f.q.Wait(within(t)); errors.Is(err, router.ErrClosed) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		tk, _ := f.q.Dequeue(queue.ClaimSize)
		if err := l.see(&tk); err != nil {
			t.Error(err)
		}
		size := uint64(0)
		for i := range tk.Items {
			fr := tk.Items[i].Frame()
			size += uint64(len(fr))
			key := ""
			if o == router.Conflate {
				key = string(fr.Topic())
			}
			k := binary.LittleEndian.Uint64(fr.Payload())
			if k < last[key] {
				t.Errorf("message %d comes after %d", k, last[key])
			}
			last[key] = k + 1
			if o != router.Conflate && l.next-uint64(len(tk.Items))+uint64(i) != k {
				t.Errorf("message %d has the number of another", k)
			}
		}
		f.q.Delivered(tk.Lane, len(tk.Items), size)
		queue.ReleaseItems(tk.Items)
	}
	s := <-produced
	if err := l.agrees(f.q.Count(), s.messages, s.bytes); err != nil {
		t.Error(err)
	}
}

// produce pushes n numbered messages in batches of random size, now and then evicts some
// as if memory were short, and closes the queue.
func produce(f *feed, n int) (messages, bytes uint64) {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	topics := []string{"a", "b", "c", "dd", "eee", "ffff", "g", "h"}
	defer f.q.Close()
	for k := 0; k < n; {
		topic := topics[rnd.IntN(len(topics))]
		buf := f.pool.Get(16 << 10)
		var items []queue.Item
		for range 1 + rnd.IntN(40) {
			off := len(buf.B)
			payload := binary.LittleEndian.AppendUint64(nil, uint64(k))
			b, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: topic, Payload: payload})
			if err != nil {
				f.t.Error(err)
			}
			buf.B = b
			items = append(items, queue.Item{Buf: buf, Off: uint32(off), Len: uint32(len(b) - off)})
			messages, bytes = messages+1, bytes+uint64(len(b)-off)
			k++
		}
		buf.Retain(len(items))
		buf.Release(1)
		f.q.Push(router.Bulk, items, &f.scratch)
		if rnd.IntN(50) == 0 {
			f.evict(rnd.IntN(10))
		}
		if c := f.q.Count(); c.Taken < 0 || c.Queued < 0 || c.Matched != messages {
			f.t.Errorf("pushed %d: %+v", messages, c)
		}
	}
	return messages, bytes
}
