package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/inproc"
)

func TestASocketThatKeepsUpLosesNothingByALargeTurn(t *testing.T) {
	b := serve(t, router.Options{MaxQueued: 8})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() {
		far.room = 1000
		if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"a"}}); err != nil {
			t.Error(err)
		}
	})
	publish(t, c, "a", numbers(0, 500)...)
	flush(t, c)
	on(func() {
		if len(far.lines) != 500 {
			t.Errorf("%d of 500 messages were taken", len(far.lines))
		}
	})
	if s := stats(t, b); s.Delivered != 500 {
		t.Errorf("delivered %d, dropped %v", s.Delivered, s.DroppedBy)
	}
}

// With drop-newest a claim may end behind a hole. What lies beyond it is neither
// in the ring nor taken, and has to be released when the session ends.
func TestASessionThatEndsReleasesAllItsBuffers(t *testing.T) {
	b := serve(t, router.Options{MaxQueued: 8})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() {
		far.room = 4
		if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"a"}, Overflow: router.DropNewest}); err != nil {
			t.Error(err)
		}
	})
	for range 5 {
		publish(t, c, "a", numbers(0, 9)...)
		flush(t, c)
	}
	on(func() { far.lose(); far.Drain(far.session) })
	publish(t, c, "a", numbers(0, 9)...)
	flush(t, c)
	on(far.close)
	if s := stats(t, b); s.Matched != 54 || s.Queued != 0 {
		t.Errorf("matched %d, queued %d; want 54 and none", s.Matched, s.Queued)
	}
}

func TestDequeuedMessagesCountAsQueuedUntilTheyAreWritten(t *testing.T) {
	b := serve(t, router.Options{})
	far, on := attach(t, b, 0)
	on(func() {
		if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"a"}}); err != nil {
			t.Error(err)
		}
	})
	on(func() { // in one turn
		for range 3 {
			far.send(t, &frame.Fields{Type: frame.TypePublish, Topic: "a", Priority: frame.NormalPriority})
		}
	})
	on(func() { far.session.Unsubscribe(1) }) // while three are held
	if s := stats(t, b); s.Matched != 3 || s.Queued != 3 {
		t.Errorf("matched %d, queued %d; want 3 that are still on their way", s.Matched, s.Queued)
	}
	on(far.lose)
	if s := stats(t, b); s.Matched != 3 || s.Queued != 0 || s.DroppedBy["connection lost"] != 3 {
		t.Errorf("matched %d, queued %d, dropped by %v", s.Matched, s.Queued, s.DroppedBy)
	}
}

func TestDisconnectEndsASlowConnection(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() {
		_, _, err := far.session.Subscribe(1, router.Subscription{SubscriberID: "slow", Patterns: []string{"a"}, Queue: 4, Overflow: router.Disconnect})
		if err != nil {
			t.Error(err)
		}
	})
	publish(t, c, "a", numbers(0, 3)...)
	flush(t, c)
	on(func() {
		if far.disconnected != "" {
			t.Errorf("disconnected before the queue was full: %s", far.disconnected)
		}
	})
	publish(t, c, "a", numbers(0, 70)...)
	flush(t, c)
	on(func() {
		if want := "slow: queue of subscription slow is full, and its overflow policy is disconnect"; far.disconnected != want {
			t.Errorf("disconnected for %q, want %q", far.disconnected, want)
		}
	})
	stats(t, b)
}

func TestDisconnectEndsASlowSubscriptionInProcess(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Queue: 3, Overflow: router.Disconnect})
	other := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	publish(t, c, "a", numbers(0, 5)...)
	flush(t, c)
	flush(t, c) // it ends when the turn ends
	publish(t, c, "a", "5")
	var got []string
	for m := range s.Messages(within(t)) {
		got = append(got, line(m))
	}
	// It ends at the end of a turn, so it does not match a 4 that was published in the next one.
	lost := uint64(2)
	want := []string{"0 0", "1 1", "2 2", "gap 3-4: 2 of 84 bytes, queue full, newest dropped"}
	if alone := "gap 3-3: 1 of 42 bytes, queue full, newest dropped"; slices.Contains(got, alone) {
		want[3], lost = alone, 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := s.Err(); frame.CodeOf(err) != frame.CodeSlow {
		t.Errorf("Err: %v, want ErrSlow", err)
	}
	read(t, other, 6)
	if s := stats(t, b); s.Matched != 9+lost || s.Queued != 0 {
		t.Errorf("matched %d, queued %d", s.Matched, s.Queued)
	}
}

func TestAClientThatCannotInflateGetsACopy(t *testing.T) {
	b := serve(t, router.Options{})
	plain, onPlain := attach(t, b, 0)
	clever, on := attach(t, b, frame.FlagS2)
	text := make([]byte, 2000)
	publisher, _ := attach(t, b, 0)
	spec := router.Subscription{Patterns: []string{"a"}}
	var sent int
	on(func() {
		for _, f := range []*farEnd{plain, clever} {
			f.room = 10
			if _, _, err := f.session.Subscribe(1, spec); err != nil {
				t.Error(err)
			}
		}
		small, flag := frame.Compress(nil, text, frame.FlagS2)
		buf := b.Pool().Get(1 << 12)
		for _, f := range []frame.Fields{
			{Type: frame.TypePublish, Topic: "a", Flags: flag, Payload: small},
			{Type: frame.TypePublish, Topic: "a", Flags: flag, Payload: []byte("no s2 at all")},
			{Type: frame.TypePublish, Topic: "a", Payload: []byte("plain")},
		} {
			off := len(buf.B)
			out, err := frame.Append(buf.B, &f)
			if err != nil {
				t.Error(err)
			}
			buf.B = out
			sent = len(out) - off
			if err := publisher.session.Handle(buf, off, frame.Frame(out[off:])); err != nil {
				t.Error(err)
			}
		}
		b.EndBatch()
		buf.Release(1)
	})
	onPlain(func() {
		want := []string{"0 " + string(text), "gap 1-1: 1 of 53 bytes, payload cannot be inflated", "2 plain"}
		if diff := cmp.Diff(want, plain.lines); diff != "" {
			t.Errorf("the client that cannot inflate (-want +got)\n%s", diff)
		}
		if len(clever.lines) != 3 || len(clever.lines[0]) > 500 {
			t.Errorf("the client that can inflate gets other frames than were sent: %q", clever.lines)
		}
	})
	if s := stats(t, b); s.Refused["inflate"] != 1 || s.Delivered != 5 {
		t.Errorf("refused %v, delivered %d of %d bytes", s.Refused, s.Delivered, sent)
	}
}

func TestBadFramesAreTheClientsFault(t *testing.T) {
	b := serve(t, router.Options{})
	far, on := attach(t, b, 0)
	for _, tc := range []struct {
		name string
		f    frame.Fields
		code frame.Code
	}{
		{"a reserved topic", frame.Fields{Type: frame.TypePublish, Topic: "system.x"}, frame.CodeReserved},
		{"no topic", frame.Fields{Type: frame.TypePublish}, frame.CodeTopic},
		{"a request without a target", frame.Fields{Type: frame.TypeRequest}, frame.CodeTopic},
		{"a type that only a broker sends", frame.Fields{Type: frame.TypeAck}, frame.CodeUnexpected},
		{"a request whose deadline has passed", frame.Fields{Type: frame.TypeRequest, Topic: "x", Extension: extension(t, frame.Meta{Deadline: 1})}, frame.CodeDeadline},
	} {
		before := stats(t, b).Refused[tc.code.String()]
		on(func() {
			buf := b.Pool().Get(1 << 10)
			out, err := frame.Append(buf.B, &tc.f)
			if err != nil {
				t.Error(err)
			}
			buf.B = out
			if err := far.session.Handle(buf, 0, frame.Frame(out)); frame.CodeOf(err) != tc.code {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.code)
			}
			b.EndBatch()
			buf.Release(1)
		})
		if n := stats(t, b).Refused[tc.code.String()] - before; n != 1 {
			t.Errorf("%s is counted %d times", tc.name, n)
		}
	}
	if s := stats(t, b); s.Clients[0].Refused != 5 || s.Published != 0 {
		t.Errorf("refused %d of the client, published %d", s.Clients[0].Refused, s.Published)
	}
}

func TestATopicIsCheckedAgainForEachClientsPolicy(t *testing.T) {
	b := serve(t, router.Options{})
	asked := 0
	c := inproc.New(b, router.Identity{Name: "c"}, func(op router.Op, topic string) error {
		if asked++; topic == "secret" {
			return router.ErrDenied
		}
		return nil
	})
	t.Cleanup(func() { c.Close() })
	s := subscribe(t, client(t, b, "d"), router.Subscription{Patterns: []string{"#"}})
	for range 3 {
		publish(t, c, "secret", "x")
		publish(t, c, "open", "y")
	}
	flush(t, c)
	if diff := cmp.Diff([]string{"0 y", "1 y", "2 y"}, read(t, s, 3)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := stats(t, b).Refused["denied"]; n != 3 || asked != 2 {
		t.Errorf("%d were refused, and policy was asked %d times; want 3 and 2", n, asked)
	}
	ctx := within(t)
	if _, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{"secret"}}); frame.CodeOf(err) != frame.CodeDenied {
		t.Errorf("Subscribe: %v, want ErrDenied", err)
	}
	if _, err := c.Request(ctx, "secret", nil); frame.CodeOf(err) != frame.CodeDenied {
		t.Errorf("Request: %v, want ErrDenied", err)
	}
}

// Routing does not write: its caller drains a sink between two frames, early enough that a
// batch which is larger than the queue loses nothing.
func TestASinkIsDrainedBetweenFrames(t *testing.T) {
	b := serve(t, router.Options{})
	for _, capacity := range []int{1, 3, 16, 1000} {
		far, on := attach(t, b, 0)
		far.room = 1 << 20
		publisher, _ := attach(t, b, 0)
		on(func() {
			spec := router.Subscription{Patterns: []string{"a"}, Queue: capacity}
			if _, _, err := far.session.Subscribe(1, spec); err != nil {
				t.Error(err)
			}
			const messages = 2000
			buf := b.Pool().Get(messages * 64)
			defer buf.Release(1)
			for i := range messages {
				off := len(buf.B)
				out, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: "a", Payload: []byte(fmt.Sprint(i))})
				if err != nil {
					t.Error(err)
					return
				}
				buf.B = out
				before := len(far.lines)
				if err := publisher.session.Handle(buf, off, frame.Frame(out[off:])); err != nil {
					t.Error(err)
				}
				if len(far.lines) != before {
					t.Error("Handle wrote to a sink")
					return
				}
				if b.MustWriteFirst() {
					b.WriteFirst()
				}
			}
			b.EndBatch()
			far.Drain(far.session)
			if len(far.lines) != messages {
				t.Errorf("capacity %d: %d of %d messages arrived: %q", capacity, len(far.lines), messages, far.lines[:3])
			}
		})
	}
}
