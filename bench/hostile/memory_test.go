package hostile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// perClient is how many subscriptions a client has in these attacks: as many as it may.
const perClient = 256

// TestConflatedTopics has conflating subscriptions, and many more long topics than any of
// them has room for.
func TestConflatedTopics(t *testing.T) {
	clients, topics := size(1, 4), size(1500, 4000)
	v := startAgent(t, setting{})
	m := measure(v)
	for range clients {
		v.dial(0).subscribe(1, perClient, every(router.Subscription{Patterns: []string{"events.t.#"}, Overflow: router.Conflate}))
	}
	long := strings.Repeat("x", 230)
	v.dial(0).publish(func(yield func(string) bool) {
		for i := range topics {
			if !yield(fmt.Sprintf("events.t.%06d%s", i, long)) {
				return
			}
		}
	}, []byte("1"), 0, nil)
	m.check()
	s := v.check()
	if _, matched := ofHostile(&s); matched != uint64(clients*perClient*topics) {
		t.Errorf("%d messages were matched, want %d", matched, clients*perClient*topics)
	}
	v.givesBack()
}

// TestCachesOfTopics has many subscriptions that each of many topics reaches, and then all
// clients go: the memory of what was cached is given back.
func TestCachesOfTopics(t *testing.T) {
	clients, topics := size(1, 4), size(6000, 65000)
	v := startAgent(t, setting{})
	m := measure(v)
	for range clients {
		v.dial(0).subscribe(1, perClient, every(router.Subscription{Patterns: []string{"events.t.#"}, Queue: 1}))
	}
	v.dial(0).publish(numbered("events.t", topics), []byte("1"), 0, nil)
	m.check()
	v.check()
	v.givesBack()
}

// TestSlotsOfQueues has unread subscriptions full of tiny messages, without a past and with
// one.
func TestSlotsOfQueues(t *testing.T) {
	clients, messages := size(1, 4), 2000
	for _, past := range []bool{false, true} {
		t.Run(fmt.Sprintf("past=%t", past), func(t *testing.T) {
			v := startAgent(t, setting{})
			m := measure(v)
			pub := v.dial(0)
			spec := router.Subscription{Patterns: []string{"#"}}
			if past {
				spec.Retained, spec.ReplayFrom = true, 1
				pub.publish(numbered("events.t", 1024), []byte("1"), frame.FlagRetain, nil)
				pub.publish(repeat("events.process.x", 1024), []byte("1"), 0, nil)
				pub.publish(repeat("alerts.x", 1024), []byte("1"), 0, nil)
			}
			for range clients {
				c := v.dial(0)
				for i := range perClient {
					c.send(subscription(t, uint64(i)+1, spec))
				}
			}
			v.awaitSubscriptions(clients * perClient)
			pub.publish(repeat("events.x", messages), []byte("1"), 0, nil)
			m.check()
			v.check()
			v.givesBack()
		})
	}
}

// TestPatternsAndFilters has clients subscribe to as much as each may: at some point they
// are refused, and a client that comes later still gets its share.
func TestPatternsAndFilters(t *testing.T) {
	clients := size(16, 60)
	v := startAgent(t, setting{})
	m := measure(v)
	refused := 0
	for n := range clients {
		c := v.dial(0)
		for i := range 64 {
			var patterns, topics []string
			for j := range 32 {
				patterns = append(patterns, fmt.Sprintf("events.%d.%d.%d.#", n, i, j))
				topics = append(topics, fmt.Sprintf("events.+.%d.%d.%s", i, j, strings.Repeat("y", 100)))
			}
			id := uint64(i) + 1
			c.send(subscription(t, id, router.Subscription{Patterns: patterns, EventFilter: &router.EventFilter{Topics: topics}}))
			f := c.next()
			if f.ID() != id || f.Type() != frame.TypeAck && f.Type() != frame.TypeError {
				t.Fatalf("%s %d: %q", f.Type(), f.ID(), f.Payload())
			}
			if f.Type() == frame.TypeError {
				e, err := frame.ParseError(f.Payload())
				if err != nil || e.Code != frame.CodeLimit {
					t.Fatalf("%v, %v", &e, err)
				}
				refused++
				break
			}
		}
	}
	if refused == 0 {
		t.Error("no client was refused")
	}
	v.dial(0).subscribe(1, 10, every(router.Subscription{Patterns: []string{"events.#"}}))
	m.check()
	v.check()
}

// TestFullMemory has messages for thousands of unread subscriptions, many more than fit
// into memory. Where times are measured, a delivery costs at most twice what it costs
// with memory to spare.
func TestFullMemory(t *testing.T) {
	for _, subscriptions := range []int{256, size(1024, 4096)} {
		t.Run(fmt.Sprintf("subscriptions=%d", subscriptions), func(t *testing.T) {
			const full = 64 << 20
			messages, payload := size(4_000, 100_000), make([]byte, 4000)
			deliver := func(maxMemory int64) (*victim, *times, time.Duration) {
				v := startAgent(t, setting{MaxMemory: maxMemory})
				m := measure(v)
				for at := 0; at < subscriptions; at += perClient {
					v.dial(0).subscribe(1, perClient, func(i int) router.Subscription {
						return router.Subscription{Patterns: []string{fmt.Sprintf("events.t.%06d", at+i)}}
					})
				}
				pub := v.dial(0)
				round := func(n int) {
					for ; n > 0; n -= subscriptions {
						pub.publish(numbered("events.t", min(n, subscriptions)), payload, 0, nil)
					}
				}
				round(full/len(payload) + subscriptions) // the memory is full now, where it can be
				began := v.cpu()
				round(messages)
				return v, m, v.cpu() - began
			}
			v, m, cost := deliver(full)
			measurable := m.check()
			if s := v.check(); s.DroppedBy["memory limit"] == 0 {
				t.Errorf("memory was not full: %v", s.DroppedBy)
			}
			if !soaking {
				return
			}
			v, m, spare := deliver(1 << 30)
			measurable = m.check() && measurable
			if s := v.check(); s.DroppedBy["memory limit"] != 0 {
				t.Errorf("memory was full: %v", s.DroppedBy)
			}
			t.Logf("a message costs %s at full memory, and %s with memory to spare", cost/time.Duration(messages), spare/time.Duration(messages))
			if measurable && cost > 2*spare {
				t.Errorf("a delivery at full memory costs %.1f times as much as one with memory to spare", float64(cost)/float64(spare))
			}
		})
	}
}

// TestWritesUnderWay has many clients take a part of what is written to them, with little
// memory: what cannot be evicted any more is within it, too.
func TestWritesUnderWay(t *testing.T) {
	const clients, messages = 60, 250
	v := startAgent(t, setting{MaxMemory: 4 << 20})
	m := measure(v)
	for i := range clients {
		v.dial(0).subscribe(1, 1, every(router.Subscription{Patterns: []string{fmt.Sprintf("events.t.%06d", i)}}))
	}
	pub := v.dial(0)
	for i := range clients { // several times what its socket holds
		pub.publish(repeat(fmt.Sprintf("events.t.%06d", i), messages), make([]byte, 4000), 0, nil)
	}
	m.check()
	if s := v.check(); s.DroppedBy["memory limit"] == 0 {
		t.Errorf("memory was not full: %v", s.DroppedBy)
	}
	v.givesBack()
}

// TestAnswersThatNobodyReads has clients send thousands of frames that are at fault, and read
// none of the answers: they are not read any more, before the answers are much.
func TestAnswersThatNobodyReads(t *testing.T) {
	clients, frames := size(16, 60), 7000
	v := startAgent(t, setting{})
	m := measure(v)
	bad := encode(t, frame.Fields{Type: frame.TypeWelcome})
	for range clients {
		v.dial(0).send(bytes.Repeat(bad, frames)) // its socket takes what the agent does not read
	}
	v.dial(0).flush()
	m.check()
	if s := v.check(); s.Refused["unexpected"] >= uint64(clients*frames) {
		t.Errorf("%d frames were answered, all that were sent", s.Refused["unexpected"])
	}
	v.givesBack()
}
