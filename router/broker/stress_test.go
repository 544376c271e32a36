package broker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/inproc"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// checker checks what a subscriber gets: numbers have no holes except for the gaps, and each
// publisher's messages come in order.
type checker struct {
	t     *testing.T
	o     router.Overflow
	lanes [2]struct {
		next  uint64
		begun bool
		last  map[string]uint64
	}
	delivered, lost uint64
}

func (w *checker) see(m *router.Message) {
	l := &w.lanes[0]
	if m.Urgent {
		l = &w.lanes[1]
	}
	if g := m.Gap; g != nil {
		if g.First != l.next || g.Count != g.Last-g.First+1 || g.Bytes == 0 {
			w.t.Errorf("%s of %d bytes, want one from %d", g, g.Bytes, l.next)
		}
		l.next += g.Count
		w.lost += g.Count
		return
	}
	if m.Sequence != l.next {
		w.t.Errorf("message %d, want %d", m.Sequence, l.next)
	}
	l.next++
	w.delivered++
	if l.last == nil {
		l.last = make(map[string]uint64)
	}
	from := string(m.Topic())
	if w.o != router.Conflate { // it keeps the order of a topic only
		from = string(m.Payload[:1])
	}
	if m.Redelivered() {
		return // a queue group promises no order
	}
	k := binary.LittleEndian.Uint64(m.Payload[1:])
	if last, seen := l.last[from]; seen && k <= last {
		w.t.Errorf("%s: message %d of it comes after %d", from, k, last)
	}
	l.last[from] = k
}

// Publishers and subscribers come and go, under every policy, with little room
// and little memory, while requests are answered. Afterwards the statistics have
// to agree with what the subscribers got.
func TestEveryLossIsAnnounced(t *testing.T) {
	b := serve(t, router.Options{
		MaxQueued: 50, UrgentQueued: 20, MaxMemory: 512 << 10, MaxMessageSize: 64 << 10, Urgent: []string{"p.+.urgent"},
		Replay: []router.ReplayRule{{Pattern: "p.0.#", MaxCount: 10, MaxBytes: 64 << 10}},
	})
	rounds := 150
	if raceEnabled {
		rounds = 30
	}
	var publishers, others sync.WaitGroup
	running, end := context.WithCancel(within(t))
	for id := range 4 {
		publishers.Go(func() { publishAll(t, b, id, rounds*400) })
	}
	var delivered atomic.Uint64
	for id := range 4 {
		others.Go(func() {
			rnd := rand.New(rand.NewPCG(7, uint64(id)))
			for running.Err() == nil {
				c := brokertest.Connect(b, fmt.Sprint("subscriber ", id))
				for range 1 + rnd.IntN(3) {
					delivered.Add(listen(t, running, c, rnd))
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	others.Go(func() {
		c := brokertest.Connect(b, "caller")
		defer c.Close() // a request is counted when its handler has returned, a moment after the answer
		respond(t, c, "echo", echo)
		for running.Err() == nil {
			r, err := c.Request(within(t), "echo", []byte("x"))
			switch {
			case err == nil && string(r.Payload) == "re: x":
				delivered.Add(1) // the request; the answer is not a subscription's
			case errors.Is(err, frame.ErrMemory):
			default:
				t.Errorf("%q, %v", r.Payload, err)
			}
		}
	})
	publishers.Wait()
	end()
	others.Wait()
	s := stats(t, b)
	if s.Published != uint64(4*rounds*400) {
		t.Errorf("published %d, want %d", s.Published, 4*rounds*400)
	}
	if s.Queued != 0 || s.Delivered != delivered.Load() {
		t.Errorf("queued %d, delivered %d; the checkeres saw %d", s.Queued, s.Delivered, delivered.Load())
	}
	t.Logf("matched %d, delivered %d, dropped %v", s.Matched, s.Delivered, s.DroppedBy)
}

// publishAll publishes n messages of one publisher, by clients that come and go.
func publishAll(t *testing.T, b *broker.Broker, id, n int) {
	rnd := rand.New(rand.NewPCG(3, uint64(id)))
	topics := []string{fmt.Sprintf("p.%d.a", id), fmt.Sprintf("p.%d.b", id), fmt.Sprintf("p.%d.urgent", id)}
	for k := 0; k < n; {
		c := brokertest.Connect(b, fmt.Sprint("publisher ", id))
		for range min(1000, n-k) {
			payload := binary.LittleEndian.AppendUint64([]byte{byte(id)}, uint64(k))
			payload = append(payload, make([]byte, 1<<rnd.IntN(14))...)
			err := c.Publish(context.Background(), router.Outgoing{
				Topic: topics[rnd.IntN(3)], Payload: payload, Retain: k%100 == 0, Priority: uint8(1 + rnd.IntN(10)),
			})
			if err != nil {
				t.Error(err)
			}
			k++
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// listen subscribes in some way, reads some messages, and ends the subscription. It returns
// how many it read.
func listen(t *testing.T, running context.Context, c *inproc.Client, rnd *rand.Rand) uint64 {
	policies := []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate, router.Disconnect}
	spec := router.Subscription{
		Patterns: []string{"p.#"}, Overflow: policies[rnd.IntN(4)], Queue: 1 + rnd.IntN(60), Retained: rnd.IntN(3) == 0,
	}
	switch rnd.IntN(4) {
	case 0:
		spec.Group, spec.Retained = "g", false // no member gets the past
	case 1:
		spec.EventFilter = &router.EventFilter{MinPriority: 5}
	case 2:
		spec.Patterns = []string{"p.0.*", "p.1.*", "p.+.urgent"}
	}
	w := &checker{t: t, o: spec.Overflow}
	want := uint64(rnd.IntN(300))
	if rnd.IntN(2) == 0 {
		enough := make(chan struct{}, 1)
		spec.Handler = func(m *router.Message) {
			if w.see(m); w.delivered > want {
				select {
				case enough <- struct{}{}:
				default:
				}
			}
		}
		s := subscribe(t, c, spec)
		select {
		case <-enough:
		case <-s.(interface{ Ended() <-chan struct{} }).Ended(): // the policy was disconnect
		case <-running.Done():
		}
		return finish(t, c, s, w)
	}
	s := subscribe(t, c, spec)
	for m := range s.Messages(running) {
		if w.see(m); w.delivered > want {
			break
		}
	}
	return finish(t, c, s, w)
}

// finish closes the subscription and compares its statistics with the checker's.
func finish(t *testing.T, c *inproc.Client, s router.Subscriber, w *checker) uint64 {
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-s.(interface{ Ended() <-chan struct{} }).Ended() // no handler is called after that
	st := s.Stats()
	if st.Delivered != w.delivered || st.Lost != w.lost {
		t.Errorf("the subscriber counts %+v, the checker %d and %d", st, w.delivered, w.lost)
	}
	return w.delivered
}
