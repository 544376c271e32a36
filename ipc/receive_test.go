package ipc_test

import (
	"errors"
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
