package ipc_test

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestCancelsForAResponderAreBounded has a responder read nothing while more requests are
// cancelled than its lane for cancels holds: it gets all requests, and the last cancels.
func TestCancelsForAResponderAreBounded(t *testing.T) {
	t.Parallel()
	const requests, lane = 700, 512
	s := start(t, router.Options{MaxRequests: requests, UrgentQueued: requests, MaxQueued: 5000}, ipc.Options{})
	responder, requester, pub := s.greet(t), s.greet(t), s.dial(t, ipc.ClientOptions{})
	responder.subscribe(1, router.Subscription{Patterns: []string{"a.b"}, Respond: true})
	responder.subscribe(2, router.Subscription{Patterns: []string{"events.fill"}})
	out := publisher(t, pub, "events.fill")
	for range 1000 { // its socket is full then
		if err := out.Publish(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, pub)
	var b []byte
	for id := range uint64(requests) {
		b = append(b, request(id+1, "a.b")...)
	}
	for id := range uint64(requests) {
		b = append(b, encode(frame.Fields{Type: frame.TypeCancel, ID: id + 1})...)
	}
	requester.send(b)
	requester.flush(1)

	last := uint64(0)
	for got, cancels := 0, 0; got < requests || cancels < lane; {
		switch f := responder.next(); f.Type() {
		case frame.TypeRequest:
			got++
		case frame.TypeCancel:
			if cancels++; f.ID() <= last || f.ID() <= requests-lane {
				t.Fatalf("cancel %d of %d comes behind that of %d", f.ID(), requests, last)
			}
			last = f.ID()
		}
	}
	if last != requests {
		t.Errorf("the last cancel is of request %d", last)
	}
	responder.flush(1)
	s.settled(t)
}
