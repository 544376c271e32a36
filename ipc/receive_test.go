package ipc_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestPingInsideWhatIsQueued has a broker that closes behind messages with a ping
// among them, while the client is in its handler: that the pong cannot be sent does not
// cut off the rest.
func TestPingInsideWhatIsQueued(t *testing.T) {
	t.Parallel()
	lost := make(chan error, 1)
	c, p := newFake(t).dial(frame.Welcome{}, ipc.ClientOptions{NoReconnect: true, OnState: func(err error) { lost <- err }})
	inside, closed, shown := make(chan struct{}), make(chan struct{}), 0
	_, id := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {
		if shown++; shown == 1 {
			close(inside)
			<-closed
		}
	}})
	p.send(streamOf(id, frame.LaneBulk, 0), message(1, "events.a", "x"))
	<-inside
	for range 2 {
		for i := range uint64(100) {
			p.send(message(i, "events.a", "x"))
		}
		p.send(encode(frame.Fields{Type: frame.TypePing}))
	}
	p.send(goodbye(frame.CodeShutdown))
	p.conn.Close()
	close(closed)
	if err := <-lost; !errors.Is(err, frame.ErrShutdown) {
		t.Error(err)
	}
	if shown != 201 {
		t.Errorf("%d messages shown", shown)
	}
}

// TestReadingDoesNotWaitForWriting has a broker that does not read, and a client that
// has more to write than the socket takes: what comes is handled all the same.
func TestReadingDoesNotWaitForWriting(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{Urgent: []string{"events.#"}}, ipc.ClientOptions{})
	shown := make(chan error)
	_, id := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(*router.Message) {
		shown <- c.Flush(t.Context())
	}})
	fill(t, c)
	p.send(encode(frame.Fields{Type: frame.TypePing}), streamOf(id, frame.LaneBulk, 0), message(1, "events.a", "x"))
	if err := <-shown; !errors.Is(err, ipc.ErrInHandler) {
		t.Error(err)
	}
}

// TestFewMessagesKeepFewBuffers has a consumer that does not take its messages, each of
// which came together with many for a handler.
func TestFewMessagesKeepFewBuffers(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{}, ipc.ClientOptions{})
	const n = 100
	idle, few := p.subscribed(c, router.Subscription{Patterns: []string{"events.few"}})
	handled := make(chan struct{}, n)
	_, many := p.subscribed(c, router.Subscription{Patterns: []string{"events.many"}, Handler: func(m *router.Message) {
		if string(m.Payload) == "last" {
			handled <- struct{}{}
		}
	}})
	other := message(2, "events.many", string(make([]byte, 60<<10)))
	for i := range uint64(n) {
		p.send(streamOf(many, frame.LaneBulk, 3*i), other, streamOf(few, frame.LaneBulk, i), message(1, "events.few", string(rune('a'+i%26))),
			streamOf(many, frame.LaneBulk, 3*i+1), other, message(3, "events.many", "last"))
		<-handled
	}
	if live := ipc.Live(c); live > 4<<20/3 {
		t.Errorf("%d bytes of buffers for %d messages of one byte", live, n)
	}
	next := uint64(0)
	for m := range idle.Messages(within(t)) {
		if m.Gap != nil || m.Sequence != next || string(m.Payload) != string(rune('a'+next%26)) {
			t.Fatalf("%v %q, sequence %d, want %d", m.Gap, m.Payload, m.Sequence, next)
		}
		if next++; next == n {
			break
		}
	}
}

// TestSilentBrokerGetsAGoodbye has a broker that sends nothing any more.
func TestSilentBrokerGetsAGoodbye(t *testing.T) {
	t.Parallel()
	_, p := newFake(t).dial(frame.Welcome{HeartbeatMs: 20}, ipc.ClientOptions{NoReconnect: true})
	p.expectEnd(frame.CodeHeartbeat)
}

// TestLatencyBudgetMergesWrites counts the writes of messages that come one by one,
// each of which would be written at once without a budget.
func TestLatencyBudgetMergesWrites(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{}, ipc.ClientOptions{LatencyBudget: time.Second})
	before := ipc.Writes(c)
	out := publisher(t, c, "events.a")
	const n = 100
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range n {
		<-tick.C
		if err := out.Publish([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		p.expect(frame.TypePublish)
	}
	if got := ipc.Writes(c) - before; got > n/4 {
		t.Errorf("%d writes for %d messages", got, n)
	}
}

// TestAMessageThatCannotBeDecodedIsAGap has a broker send a message with a flag of a later
// version between two that are good: it has its number all the same, and the broker learns
// that it is lost.
func TestAMessageThatCannotBeDecodedIsAGap(t *testing.T) {
	t.Parallel()
	for _, handler := range []bool{false, true} {
		t.Run(map[bool]string{false: "loop", true: "handler"}[handler], func(t *testing.T) {
			t.Parallel()
			c, p := newFake(t).dial(frame.Welcome{Features: frame.AllFeatures.Names()}, ipc.ClientOptions{})
			shown := make(chan *router.Message, 10)
			spec := router.Subscription{Patterns: []string{"events.#"}}
			if handler {
				spec.Handler = func(m *router.Message) { shown <- m.Clone() }
			}
			s, id := p.subscribed(c, spec)
			good := message(1, "events.a", "good")
			late := altered(message(2, "events.a", "of a later version"), 6, 0x40)
			p.send(streamOf(id, frame.LaneBulk, 0), good, late, late, good, encode(frame.Fields{Type: frame.TypePing, ID: 1}))
			p.expect(frame.TypePong) // all is read
			if !handler {
				go func() { // ends with the last message
					for m := range s.Messages(within(t)) {
						shown <- m.Clone()
						if m.Sequence == 3 {
							return
						}
					}
				}()
			}
			var got []string
			for lost := uint64(0); len(got) < 2 || lost < 2; {
				var m *router.Message
				select {
				case m = <-shown:
				case <-within(t).Done():
					t.Fatalf("only %q came, and %d are lost", got, lost)
				}
				if g := m.Gap; g != nil {
					if g.First != 1+lost || g.Last-g.First+1 != g.Count || g.Bytes != g.Count*uint64(len(late)) || g.Reason != frame.ReasonInflate {
						t.Errorf("%s, of %d bytes", g, g.Bytes)
					}
					lost += g.Count
					continue
				}
				got = append(got, fmt.Sprint(m.Sequence, " ", string(m.Payload)))
			}
			if want := []string{"0 good", "3 good"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if st := s.Stats(); st.Lost != 2 {
				t.Errorf("%d are counted as lost, want 2", st.Lost)
			}
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }() // which reports what was settled
			for {
				last, err := frame.ParseCredit(p.expect(frame.TypeCredit).Payload())
				if err != nil {
					t.Fatal(err)
				}
				if last.Consumed+last.Lost < 4 {
					continue
				}
				if want := (frame.Credit{Subscription: id, Consumed: 2, ConsumedBytes: 2 * uint64(len(good)), Lost: 2, LostBytes: 2 * uint64(len(late))}); last != want {
					t.Errorf("credit %+v, want %+v", last, want)
				}
				break
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestACreditComesWhenItIsDue has eight messages come at once, where the broker must know
// of every third that is taken: a program that stops at the fifth has reported three.
func TestACreditComesWhenItIsDue(t *testing.T) {
	t.Parallel()
	for _, handler := range []bool{false, true} {
		t.Run(map[bool]string{false: "loop", true: "handler"}[handler], func(t *testing.T) {
			t.Parallel()
			c, p := newFake(t).dial(frame.Welcome{Features: frame.AllFeatures.Names()}, ipc.ClientOptions{})
			let := make(chan struct{})
			goOn := sync.OnceFunc(func() { close(let) })
			defer goOn()
			take := func(m *router.Message) {
				if m.Sequence == 4 {
					<-let
				}
			}
			spec := router.Subscription{Patterns: []string{"events.#"}}
			if handler {
				spec.Handler = take
			}
			s, id := p.subscribedWith(c, spec, frame.Ack{Queue: 12, Window: 6})
			frames := [][]byte{streamOf(id, frame.LaneBulk, 0)}
			for i := range uint64(8) {
				frames = append(frames, message(i, "events.a", "x"))
			}
			p.send(bytes.Join(frames, nil)) // at once
			var looped sync.WaitGroup
			if !handler {
				looped.Go(func() {
					for m := range s.Messages(within(t)) {
						if take(m); m.Sequence == 7 {
							return
						}
					}
				})
			}
			for _, want := range []uint64{3, 6} {
				got, err := frame.ParseCredit(p.expect(frame.TypeCredit).Payload())
				if err != nil || got.Consumed != want {
					t.Errorf("%d are reported as taken, want %d: %v", got.Consumed, want, err)
				}
				if want == 3 {
					goOn()
				}
			}
			looped.Wait()
		})
	}
}
