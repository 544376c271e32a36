package broker_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestEachOfManyRequestsEnds(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	const n = 4000
	start, outcomes := make(chan struct{}), make(chan error, n)
	for range n {
		go func() {
			<-start
			_, err := c.Request(t.Context(), "nobody", nil)
			outcomes <- err
		}()
	}
	close(start)
	unserved := 0
	for range n {
		switch err := brokertest.Wait(t, outcomes); {
		case errors.Is(err, router.ErrNoResponder):
			unserved++
		case !errors.Is(err, frame.ErrLimit):
			t.Fatalf("%v, want ErrNoResponder or ErrLimit", err)
		}
	}
	if s := stats(t, b); s.NoResponder != uint64(unserved) || s.OpenRequests != 0 {
		t.Errorf("the broker counts %d without a responder and %d open; the client counts %d", s.NoResponder, s.OpenRequests, unserved)
	}
}

func TestRefusalsOfPublishesEvictNoAnswer(t *testing.T) {
	b := serve(t, router.Options{})
	far, on := attach(t, b, 0)
	on(func() {
		far.session.Refuse(0, frame.ErrDenied)
		far.Drain(far.session) // its sink takes that, and then no more
		far.send(t, &frame.Fields{Type: frame.TypeRequest, Topic: "nobody", ID: 1})
		for i := range uint64(5000) {
			far.session.Refuse(endpoint.PublishID|i, frame.ErrDenied)
		}
		far.lose()
		far.room = 1
		far.Drain(far.session)
		if diff := cmp.Diff([]string{"!0 "}, far.lines[:1]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// Answers that a client does not read do not empty the queues of others.
func TestUnreadAnswersAreEvictedFirst(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 4 << 20})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	s := subscribe(t, c, router.Subscription{SubscriberID: "victim", Patterns: []string{"a"}})
	publish(t, c, "a", big, big)
	flush(t, c)
	respond(t, c, "big", func(_ context.Context, r *router.Request) ([]byte, error) { return []byte(big), nil })
	for id := range uint64(50) {
		on(func() { far.send(t, &frame.Fields{Type: frame.TypeRequest, Topic: "big", ID: id + 1}) })
		for stats(t, b).OpenRequests > 0 {
			flush(t, c)
		}
	}
	if n := statsOf(t, b, "victim").Dropped; n != 0 {
		t.Errorf("another client lost %d", n)
	}
	if s := stats(t, b); s.BufferBytes > s.MaxBufferBytes || s.DropRate != 0 {
		t.Errorf("%d bytes of buffers, at most %d are allowed; subscriptions lost %v a second", s.BufferBytes, s.MaxBufferBytes, s.DropRate)
	}
	read(t, s, 2)
	on(func() {
		far.room = 1000
		far.lose()
		far.Drain(far.session)
		if len(far.lines) == 0 || !strings.HasPrefix(far.lines[0], "!gap") {
			t.Errorf("the client gets no gap for what it lost: %.100q", far.lines)
		}
	})
}

// The number of a reply is the requester's, and has nothing to do with the responder's own
// requests. The requester gets an error, so that it does not wait without an end.
func TestAMalformedReplyEndsItsRequestOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		reply frame.Fields
		want  error
	}{
		"extension": {frame.Fields{Extension: []byte{1}}, frame.ErrExtension},
		"topic":     {frame.Fields{Topic: "a.b"}, frame.ErrTopic},
		"body":      {frame.Fields{Flags: frame.FlagFailed, Payload: []byte{33}}, frame.ErrBody},
	} {
		t.Run(name, func(t *testing.T) { malformedReply(t, name, tc.reply, tc.want) })
	}
}

func malformedReply(t *testing.T, code string, reply frame.Fields, want error) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	slow := brokertest.NewBlocker()
	defer close(slow.Let)
	respond(t, c, "slow", slow.Handle)
	on(func() {
		far.room = 10
		if _, _, err := far.session.Subscribe(9, router.Subscription{Patterns: []string{"far"}, Respond: true}); err != nil {
			t.Error(err)
		}
	})
	outcome := ask(t.Context(), c, "far")
	for stats(t, b).OpenRequests == 0 {
		flush(t, c)
	}
	var refused []uint64
	on(func() {
		request := far.frames[0]
		reply.Type, reply.Source, reply.ID = frame.TypeReply, request.Source(), request.ID()
		far.send(t, &reply)
		far.Drain(far.session)
		for _, f := range far.frames[1:] {
			refused = append(refused, f.ID())
		}
	})
	if err := brokertest.Wait(t, outcome); !errors.Is(err, want) {
		t.Errorf("who asked is told %v, want %v", err, want)
	}
	if diff := cmp.Diff([]uint64{0}, refused); diff != "" {
		t.Errorf("numbers that the responder was refused (-want +got)\n%s", diff)
	}
	if s := stats(t, b); s.OpenRequests != 0 || s.Refused[code] != 1 {
		t.Errorf("%d are open, refused %v", s.OpenRequests, s.Refused)
	}
}
