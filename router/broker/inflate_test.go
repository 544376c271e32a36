package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

// bomb returns a frame with a payload of a few bytes that inflates to size.
func bomb(t testing.TB, size int, f frame.Fields) frame.Frame {
	t.Helper()
	small, flag := frame.Compress(nil, make([]byte, size), frame.FlagS2)
	if flag == 0 {
		t.Fatal("it did not become smaller")
	}
	f.Payload, f.Flags, f.Priority = small, f.Flags|flag, frame.NormalPriority
	b, err := frame.Append(nil, &f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The broker inflates a message once for all subscribers that can't, whatever kind they are.
func TestAMessageIsInflatedOnceForAll(t *testing.T) {
	const size = 100 << 10
	serveAlone(t, router.Options{}, func(a alone) {
		p := a.session("far")
		a.subscribe(p, 3, router.Subscription{Patterns: []string{"a"}})
		a.subscribe(p, 3, router.Subscription{Patterns: []string{"a"}, EventFilter: &router.EventFilter{MinPriority: 1}})
		a.subscribe(p, 2, router.Subscription{Patterns: []string{"a"}, Group: "g"})
		a.subscribe(p, 2, router.Subscription{Patterns: []string{"a"}, Overflow: router.Conflate})
		f := bomb(t, size, frame.Fields{Type: frame.TypePublish, Topic: "a"})
		head := len(f) - len(f.Payload())
		for i := range 10 {
			before := a.Inflated()
			for !p.BeginTurn() {
			}
			if n := a.turn(p, f, 5); n != 5 {
				t.Fatalf("%d messages were routed", n)
			}
			if got := a.Inflated() - before; got != 5*(size+head) {
				t.Fatalf("round %d: %d bytes were inflated for 5 messages of %d", i, got, size)
			}
		}
		if n := a.Matched(); n != 10*5*9 {
			t.Errorf("%d messages were queued, want %d", n, 10*5*9)
		}
	})
}

// Inflating is work of the client that sent the message, and the broker makes room before.
func TestInflatingIsWorkAndStaysWithinTheLimit(t *testing.T) {
	const size = 1_000_000
	serveAlone(t, router.Options{MaxMemory: 16 << 20}, func(a alone) {
		p := a.session("far")
		a.subscribe(p, 24, router.Subscription{Patterns: []string{"a"}})
		f := bomb(t, size, frame.Fields{Type: frame.TypePublish, Topic: "a"})
		sent, turns := 0, 0
		for sent < 200 {
			turns++
			before := a.Inflated()
			if p.BeginTurn() {
				sent += a.turn(p, f, 200-sent)
			}
			if got := a.Inflated() - before; got > 3*size {
				t.Fatalf("%d bytes were inflated in a turn", got)
			}
			if room := a.Room(); room < 0 {
				t.Fatalf("%d bytes are kept beyond the limit", -room)
			}
		}
		if turns < 100 {
			t.Errorf("200 messages that inflate to %d bytes took %d turns", size, turns)
		}
	})
}

// The broker keeps retained values as they were sent. It inflates them when the late
// subscriber takes them, at most a turn's work of them in a turn.
func TestRetainedValuesAreInflatedAsTheyAreTaken(t *testing.T) {
	const size, n = 1_000_000, 50
	serveAlone(t, router.Options{MaxMemory: 16 << 20}, func(a alone) {
		p := a.session("publisher")
		for i := range n {
			f := bomb(t, size, frame.Fields{Type: frame.TypePublish, Topic: fmt.Sprintf("a.%d", i), Flags: frame.FlagRetain})
			for !p.BeginTurn() {
			}
			a.turn(p, f, 1)
		}
		far := &farEnd{b: a.Broker, room: n}
		far.session = a.Attach(router.Identity{Name: "far"}, far, nil, 0)
		defer far.close()
		a.subscribe(far.session, 1, router.Subscription{Patterns: []string{"#"}, Retained: true})
		if a.Inflated() != 0 {
			t.Errorf("%d bytes were inflated before they were taken", a.Inflated())
		}
		turns := 0
		for ; len(far.lines) < n; turns++ {
			before := a.Inflated()
			a.Turn()
			if got := a.Inflated() - before; got > 3*size || turns > n {
				t.Fatalf("turn %d: %d bytes were inflated", turns, got)
			}
			if room := a.Room(); room < 0 {
				t.Fatalf("%d bytes are kept beyond the limit", -room)
			}
		}
		for i, f := range far.frames {
			if len(f.Payload()) != size || f.Flags()&frame.FlagCompressed != 0 {
				t.Errorf("message %d has %d bytes, flags %v", i, len(f.Payload()), f.Flags())
			}
		}
		if a.Inflated() < n*size || turns < n/3 {
			t.Errorf("%d bytes were inflated in %d turns", a.Inflated(), turns)
		}
	})
}

// A stored payload that cannot be inflated leaves a gap at its place.
func TestAStoredPayloadThatCannotBeInflated(t *testing.T) {
	b := serve(t, router.Options{Replay: []router.ReplayRule{{Pattern: "#"}}})
	far, on := attach(t, b, 0)
	on(func() {
		far.room = 100
		a := alone{b, t}
		for i := range 3 {
			f := bomb(t, 10_000, frame.Fields{Type: frame.TypePublish, Topic: "a"})
			if i == 1 {
				f, _ = frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Topic: "a", Flags: frame.FlagS2, Payload: []byte{0xff, 1, 2, 3}})
			}
			a.turn(far.session, f, 1)
		}
		a.subscribe(far.session, 1, router.Subscription{Patterns: []string{"a"}, ReplayFrom: 1})
	})
	c := client(t, b, "c")
	publish(t, c, "a", "last")
	flush(t, c)
	on(func() {
		for range 10 {
			far.Drain(far.session)
			b.Turn()
		}
		zeros := strings.Repeat("\x00", 10_000)
		want := []string{"0 " + zeros, gapLine(1, 1, frame.HeaderSize+1+4, "payload cannot be inflated"), "2 " + zeros, "3 last"}
		if diff := cmp.Diff(want, far.lines); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	s := stats(t, b)
	if s.DroppedBy["payload cannot be inflated"] != 1 || s.Delivered != 3 {
		t.Errorf("delivered %d, dropped by %v", s.Delivered, s.DroppedBy)
	}
	if got := s.Subscriptions[0].QueuedBytes; got != 0 {
		t.Errorf("%d bytes are queued", got)
	}
}

// Requests and answers are inflated as work of the client that sent them.
func TestRequestsAndRepliesAreInflatedAsWork(t *testing.T) {
	const size = 900_000
	serveAlone(t, router.Options{}, func(a alone) {
		requester, responder := a.session("requester"), a.session("responder")
		a.subscribe(responder, 1, router.Subscription{Patterns: []string{"a"}, Respond: true})
		for _, x := range []struct {
			p *broker.Session
			f frame.Frame
		}{
			{requester, bomb(t, size, frame.Fields{Type: frame.TypeRequest, Topic: "a", ID: 1})},
			{responder, bomb(t, size, frame.Fields{Type: frame.TypeReply, ID: 1, Source: requester.ID()})},
		} {
			x.p.BeginTurn()
			before := a.Inflated()
			a.turn(x.p, x.f, 1)
			if got := a.Inflated() - before; got < size {
				t.Errorf("%s: %d bytes were inflated", x.f.Type(), got)
			}
			if x.p.AddWork(broker.TurnWork - size/32); !x.p.Spent() {
				t.Errorf("%s: that was not counted as work", x.f.Type())
			}
		}
	})
}
