package inproc_test

import (
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// TestWhatAWindowPublisherFollowsIsCharged holds that the broker charges what it keeps of
// a publisher, by the number of its subscriptions, and gives it back.
func TestWhatAWindowPublisherFollowsIsCharged(t *testing.T) {
	t.Parallel()
	b := brokertest.Serve(t, router.Options{})
	pub, sub := brokertest.Client(t, b, "publisher"), brokertest.Client(t, b, "subscriber")
	const subs = 200
	for range subs {
		if _, err := sub.Subscribe(brokertest.Within(t), router.Subscription{Patterns: []string{"a.b"}}); err != nil {
			t.Fatal(err)
		}
	}
	charged := func() int64 { // without the routes, which are a cache
		t.Helper()
		if err := pub.Flush(brokertest.Within(t)); err != nil {
			t.Fatal(err)
		}
		st, err := b.Stats(brokertest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		return st.Charged["sessions"]
	}
	before := charged()
	p, err := pub.WindowPublisher(brokertest.Within(t), router.Outgoing{Topic: "a.b"}, router.Window{})
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Subscriptions(); n != subs {
		t.Errorf("it follows %d subscriptions, want %d", n, subs)
	}
	if more := charged() - before; more < 64*subs {
		t.Errorf("%d bytes more are charged for %d subscriptions", more, subs)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if more := charged() - before; more != 0 {
		t.Errorf("%d bytes are charged after Close", more)
	}
}

// TestAnEndOfTheBrokerEndsAWindowPublisher holds that no wait outlives the routing thread.
func TestAnEndOfTheBrokerEndsAWindowPublisher(t *testing.T) {
	t.Parallel()
	b, stop := brokertest.ServeUntil(t, router.Options{})
	pub, sub := brokertest.Client(t, b, "publisher"), brokertest.Client(t, b, "subscriber")
	if _, err := sub.Subscribe(brokertest.Within(t), router.Subscription{Patterns: []string{"a.b"}}); err != nil {
		t.Fatal(err)
	}
	p, err := pub.WindowPublisher(brokertest.Within(t), router.Outgoing{Topic: "a.b"}, router.Window{Messages: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(brokertest.Within(t), nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Flush(brokertest.Within(t)) }()
	stop()
	// Which session ends first is not fixed. If it is the subscriber's, the message was lost
	// with it; if it is the publisher's, nobody knows.
	var loss *router.LossError
	err = <-ended
	if !errors.As(err, &loss) || loss.Lost+loss.Unknown != 1 || loss.Unknown == 1 && !errors.Is(err, router.ErrClosed) {
		t.Errorf("Flush: %v, want one message lost or unknown", err)
	}
}
