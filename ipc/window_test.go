package ipc_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func windowPublisher(t testing.TB, bus router.Bus, topic string, w router.Window) router.WindowPublisher {
	t.Helper()
	p, err := bus.WindowPublisher(t.Context(), router.Outgoing{Topic: topic}, w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestABrokerThatDoesNotSayWhatWasTaken is one of an earlier version.
func TestABrokerThatDoesNotSayWhatWasTaken(t *testing.T) {
	t.Parallel()
	c, _ := newFake(t).dial(frame.Welcome{Features: []string{"credit"}}, ipc.ClientOptions{})
	if _, err := c.WindowPublisher(t.Context(), router.Outgoing{Topic: "a.b"}, router.Window{}); !errors.Is(err, ipc.ErrNoSettle) {
		t.Errorf("%v, want ErrNoSettle", err)
	}
}

// TestAWindowPublisherIsNotSureOfALostConnection has the server end while messages are on
// their way, and come back: the publisher shows how many those were, and goes on.
func TestAWindowPublisherIsNotSureOfALostConnection(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	st := make(states, 10)
	c := s.dial(t, ipc.ClientOptions{OnState: func(err error) { st <- err }})
	let := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(let) })
	other := s.dial(t, ipc.ClientOptions{})
	t.Cleanup(goOn) // before the client closes
	subscribe(t, other, router.Subscription{Patterns: []string{"a.b"}, Handler: func(*router.Message) { <-let }})
	p := windowPublisher(t, c, "a.b", router.Window{Messages: 10})
	for range 10 {
		if err := p.Publish(t.Context(), []byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	waits := make(chan error, 1)
	go func() { waits <- p.Publish(t.Context(), []byte("b")) }() // ends with the connection
	s.restart(t, router.Options{}, ipc.Options{})
	goOn()
	st.lost(t)
	st.back(t)
	sum, published := uint64(0), uint64(10)
	for err := <-waits; sum < 10; err = p.Publish(t.Context(), []byte("b")) {
		var loss *router.LossError
		if err != nil && !errors.As(err, &loss) {
			t.Fatalf("%v, want a LossError", err)
		}
		if loss != nil {
			sum += loss.Unknown + loss.Lost
		} else {
			published++
		}
	}
	if sum > published {
		t.Errorf("it is not known of %d messages whether they were taken, but only %d were published", sum, published)
	}
	for err := p.Flush(t.Context()); err != nil; err = p.Flush(t.Context()) {
		if loss := new(router.LossError); !errors.As(err, &loss) {
			t.Fatal(err) // what was published before the first settle of the connection is not known
		}
	}
}

// TestAWindowPublisherInAHandler may publish, and does not wait.
func TestAWindowPublisherInAHandler(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	subscribe(t, s.dial(t, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"a.b"}}) // its program takes nothing
	p := windowPublisher(t, c, "a.b", router.Window{Messages: 1})
	got := make(chan error, 3)
	subscribe(t, c, router.Subscription{Patterns: []string{"go"}, Handler: func(*router.Message) {
		got <- p.Publish(t.Context(), nil)
		got <- p.Publish(t.Context(), nil)
		got <- p.Flush(t.Context())
	}})
	if err := publisher(t, c, "go").Publish(nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, ipc.ErrInHandler, ipc.ErrInHandler} {
		if err := <-got; !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
}

// TestTheBrokerAsksForCredit holds the client's side: a report at the number that the
// broker asks for, at once if it has been reached, and only then.
func TestTheBrokerAsksForCredit(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{Features: frame.AllFeatures.Names()}, ipc.ClientOptions{})
	taken := make(chan struct{}, 10)
	_, id := p.subscribedWith(c, router.Subscription{Patterns: []string{"a.b"}, Handler: func(*router.Message) { taken <- struct{}{} }}, frame.Ack{Queue: 1000})
	ask := func(at uint64) {
		p.send(encode(frame.Fields{Type: frame.TypeCredit, Payload: frame.AppendCredit(nil, frame.Credit{Subscription: id, Consumed: at})}))
	}
	message := encode(frame.Fields{Type: frame.TypePublish, Topic: "a.b"})
	reported := func(want uint64) {
		t.Helper()
		got, err := frame.ParseCredit(p.expect(frame.TypeCredit).Payload())
		if err != nil || got.Consumed != want {
			t.Errorf("credit %+v, %v, want %d consumed", got, err, want)
		}
	}
	ask(3)
	p.send(streamOf(id, frame.LaneBulk, 0), message, message, message)
	reported(3)
	p.send(message)
	for range 4 {
		<-taken
	}
	ask(4)
	reported(4)
	ask(4) // it is reported already
	p.send(encode(frame.Fields{Type: frame.TypeCredit, Payload: frame.AppendCredit(nil, frame.Credit{Subscription: id + 1, Consumed: 1})}))
	p.send(encode(frame.Fields{Type: frame.TypePing, ID: 9}))
	if f := p.next(); f.Type() != frame.TypePong || f.ID() != 9 {
		t.Errorf("%s, want the pong", f.Type())
	}
}

// TestMessagesBeforeTheAckAreReportedWithIt has a broker send all that a window lets through
// before the ack that names the window. Nothing more comes until the client reports.
func TestMessagesBeforeTheAckAreReportedWithIt(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{Features: frame.AllFeatures.Names()}, ipc.ClientOptions{})
	taken := make(chan struct{})
	subscribed := make(chan error, 1)
	go func() { // ends with the ack
		_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"a.b"}, Queue: 2, Handler: func(*router.Message) { taken <- struct{}{} }})
		subscribed <- err
	}()
	id := p.expect(frame.TypeSubscribe).ID()
	p.send(streamOf(id, frame.LaneBulk, 0), encode(frame.Fields{Type: frame.TypePublish, Topic: "a.b"}))
	<-taken
	p.send(encode(frame.Fields{Type: frame.TypeAck, ID: id, Payload: frame.AppendAck(nil, frame.Ack{Queue: 2, Window: 1})}))
	p.send(encode(frame.Fields{Type: frame.TypePing, ID: 9}))
	if got, err := frame.ParseCredit(p.expect(frame.TypeCredit).Payload()); err != nil || got.Consumed != 1 {
		t.Errorf("credit %+v, %v, want 1 consumed, before the pong", got, err)
	}
	if err := <-subscribed; err != nil {
		t.Fatal(err)
	}
}

// TestAClientThatCannotBeAsked reports within a second, and the publisher waits so long.
func TestAClientThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	c := s.dial(t, ipc.ClientOptions{})
	raw := s.greetWith(t, "credit")
	raw.subscribe(1, router.Subscription{Patterns: []string{"a.b"}})
	old := s.greet(t) // reports nothing: what is written to its socket has been taken
	old.subscribe(1, router.Subscription{Patterns: []string{"a.b"}})
	p := windowPublisher(t, c, "a.b", router.Window{})
	if err := p.Publish(t.Context(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Flush(t.Context()) }() // ends with the credit
	m := raw.next(frame.TypeStream)
	if m.Type() != frame.TypePublish {
		t.Fatalf("%s, want the message", m.Type())
	}
	select {
	case err := <-ended:
		t.Fatalf("Flush returns %v before the client reports", err)
	default:
	}
	raw.send(encode(frame.Fields{Type: frame.TypeCredit, Payload: frame.AppendCredit(nil, frame.Credit{Subscription: 1, Consumed: 1, ConsumedBytes: uint64(len(m))})}))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// BenchmarkWindow streams from one client to another: with a plain publisher, which a
// window of the benchmark's own keeps from losing, and with a WindowPublisher. The rounds
// are in turn, and compare only within one run.
func BenchmarkWindow(b *testing.B) {
	for round := range 5 {
		for _, kind := range []string{"plain", "window"} {
			b.Run(fmt.Sprintf("publisher=%s/round=%d", kind, round), func(b *testing.B) {
				if kind == "plain" {
					stream(b, 128, 1)
					return
				}
				s := start(b, router.Options{}, ipc.Options{})
				subscribe(b, s.dial(b, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
					if m.Gap != nil {
						b.Errorf("%s", m.Gap)
					}
				}})
				p := windowPublisher(b, s.dial(b, ipc.ClientOptions{}), "events.a", router.Window{})
				payload := make([]byte, 128)
				ctx := b.Context()
				b.ReportAllocs()
				begin := time.Now()
				n := 0
				for b.Loop() {
					if err := p.Publish(ctx, payload); err != nil {
						b.Fatal(err)
					}
					n++
				}
				if err := p.Flush(ctx); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "msg/s")
			})
		}
	}
}
