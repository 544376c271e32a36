package ring_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/daemoneye/eventbus/ring"
)

// The sequential queue that concurrent histories have to be explained by. Elements are
// bytes, so a queue is a string.
type queueState struct {
	queue  string
	lost   uint64 // evicted since the last take
	halved bool   // a push has evicted and not yet inserted
}

// A push takes effect in two moments: it makes room, and then it inserts. The history
// has an operation for each. In between, a full ring is as many elements short; one of
// capacity 1 is empty.
type (
	makeRoom struct{ capacity, need int } // out: what was evicted, at least one
	insert   struct {
		capacity int
		elements string
		halved   bool // after a makeRoom
	}
	refuse struct{ capacity int } // an Offer that was turned down
	evicts struct{ limit int }    // out: what Evict took out
	take   struct {               // out: what a claim took; nothing, when the queue is empty
		limit     int
		showsLost bool // of a claim that took something, or of an empty one at the very end
		lost      uint64
	}
)

func stepQueue(state, input, output any) (bool, any) {
	s := state.(queueState)
	out, _ := output.(string)
	if !strings.HasPrefix(s.queue, out) {
		return false, s
	}
	rest := s.queue[len(out):]
	switch in := input.(type) {
	case makeRoom:
		return !s.halved && out != "" && len(rest)+in.need == in.capacity,
			queueState{queue: rest, lost: s.lost + uint64(len(out)), halved: true}
	case insert:
		return s.halved == in.halved && len(s.queue)+len(in.elements) <= in.capacity,
			queueState{queue: s.queue + in.elements, lost: s.lost}
	case refuse:
		return len(s.queue) == in.capacity, s
	case evicts:
		return len(out) <= in.limit, queueState{queue: rest, lost: s.lost + uint64(len(out))}
	case take:
		if out == "" && !in.showsLost {
			return s.queue == "", s
		}
		if out == "" {
			return s.queue == "" && !s.halved && in.lost == s.lost, queueState{}
		}
		return len(out) <= in.limit && (!in.showsLost || in.lost == s.lost),
			queueState{queue: rest, halved: s.halved}
	}
	panic(fmt.Sprintf("unknown operation %T", input))
}

var queueModel = porcupine.Model{
	Init: func() any { return queueState{} },
	Step: stepQueue,
}

// history records what one goroutine does.
type history struct {
	client int
	start  time.Time
	done   []porcupine.Operation
}

func (h *history) now() int64 { return time.Since(h.start).Nanoseconds() }

func (h *history) add(call int64, input any, output string) {
	h.done = append(h.done, porcupine.Operation{
		ClientId: h.client, Input: input, Call: call, Output: output, Return: h.now(),
	})
}

// produce pushes, offers and evicts at random.
func (h *history) produce(r *ring.Ring[byte], operations int) {
	next := byte(0)
	for range operations {
		vs := make([]byte, 1+rand.IntN(r.Cap()))
		for i := range vs {
			vs[i] = next + byte(i)
		}
		kind := rand.IntN(4)
		if kind < 2 {
			vs = vs[:1]
		}
		call, taken := h.now(), len(vs)
		switch kind {
		case 0:
			if old, full := r.Push(vs[0]); full {
				h.inserted(call, r, vs, []byte{old})
			} else {
				h.inserted(call, r, vs, nil)
			}
		case 1:
			if r.Offer(vs[0]) {
				h.inserted(call, r, vs, nil)
			} else {
				h.add(call, refuse{r.Cap()}, "")
				taken = 0
			}
		case 2:
			h.inserted(call, r, vs, r.PushBatch(vs, nil))
		case 3:
			h.add(call, evicts{1}, string(r.Evict(1, nil)))
			taken = 0
		}
		next += byte(taken)
	}
}

func (h *history) inserted(call int64, r *ring.Ring[byte], vs, evicted []byte) {
	if len(evicted) > 0 {
		h.add(call, makeRoom{r.Cap(), len(vs)}, string(evicted))
	}
	h.add(call, insert{r.Cap(), string(vs), len(evicted) > 0}, "")
}

// consume takes at random, until the ring is closed and drained, and then claims once
// more, for what was lost last. That claim is empty, which only an empty queue explains:
// so a history accounts for every element.
func (h *history) consume(r *ring.Ring[byte]) {
	for !r.Closed() || r.Len() > 0 {
		call := h.now()
		switch rand.IntN(3) {
		case 0:
			v, ok := r.Pop()
			out := ""
			if ok {
				out = string([]byte{v})
			}
			h.add(call, take{limit: 1}, out)
		case 1:
			b := r.Claim(2)
			out := string(b.Items)
			h.add(call, take{2, len(b.Items) > 0 || b.Lost > 0, b.Lost}, out)
		case 2:
			// May be several claims, so it is recorded only where it is one.
			dst := make([]byte, 1)
			n, lost := r.PopBatch(dst)
			h.add(call, take{1, n > 0, lost}, string(dst[:n]))
		}
	}
	call := h.now()
	b := r.Claim(2)
	h.add(call, take{2, true, b.Lost}, string(b.Items))
}

func TestHistoriesAreLinearizable(t *testing.T) {
	rounds := 2000
	if raceEnabled || testing.Short() {
		rounds = 400
	}
	for round := range rounds {
		capacity, shift := 1+round%4, uint(round/4%3)
		r := ring.NewChunked(ring.Options[byte]{Capacity: capacity}, shift)
		start := time.Now()
		producer, consumer := &history{client: 0, start: start}, &history{client: 1, start: start}
		var ready, sides sync.WaitGroup
		ready.Add(2)
		sides.Go(func() {
			ready.Done()
			ready.Wait()
			producer.produce(r, 40)
			r.Close()
			call := producer.now()
			producer.add(call, evicts{1}, string(r.Evict(1, nil)))
		})
		sides.Go(func() {
			ready.Done()
			ready.Wait()
			consumer.consume(r)
		})
		sides.Wait()
		all := append(producer.done, consumer.done...)
		if !porcupine.CheckOperations(queueModel, all) {
			t.Fatalf("capacity %d, chunks of %d: no sequential queue explains\n%s", capacity, 1<<shift, describe(all))
		}
	}
}

// TestTheCheckerRejects makes sure that the specification can reject a history.
func TestTheCheckerRejects(t *testing.T) {
	op := func(at int64, input any, output string) porcupine.Operation {
		return porcupine.Operation{Input: input, Call: at, Output: output, Return: at + 5}
	}
	put := func(at int64, s string) porcupine.Operation { return op(at, insert{capacity: 2, elements: s}, "") }
	for name, history := range map[string][]porcupine.Operation{
		"an element left at the end":       {put(0, "a"), op(10, take{limit: 2, showsLost: true}, "")},
		"a last loss that is not reported": {put(0, "a"), op(10, evicts{1}, "a"), op(20, take{limit: 2, showsLost: true}, "")},
		"an element popped twice":          {put(0, "a"), op(10, take{limit: 1}, "a"), op(20, take{limit: 1}, "a")},
		"an element out of order":          {put(0, "ab"), op(10, take{limit: 1}, "b")},
		"an element from nowhere":          {put(0, "a"), op(10, take{limit: 2}, "ab")},
		"empty when it is not":             {put(0, "a"), op(10, take{limit: 1}, "")},
		"more than the capacity":           {put(0, "ab"), put(10, "c")},
		"a loss that was not reported":     {put(0, "ab"), op(10, evicts{1}, "a"), op(20, take{limit: 1, showsLost: true}, "b")},
		"evicted without a need":           {put(0, "a"), op(10, makeRoom{2, 1}, "a")},
		"refused with room left":           {put(0, "a"), op(10, refuse{2}, "")},
		"evicted the newest":               {put(0, "ab"), op(10, makeRoom{2, 1}, "b")},
		"inserted without evicting":        {put(0, "ab"), op(10, insert{2, "c", true}, "")},
	} {
		if porcupine.CheckOperations(queueModel, history) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func describe(operations []porcupine.Operation) string {
	var s strings.Builder
	for _, o := range operations {
		fmt.Fprintf(&s, "client %d %6d..%-6d %T%+v -> %v\n", o.ClientId, o.Call, o.Return, o.Input, o.Input, []byte(o.Output.(string)))
	}
	return s.String()
}
