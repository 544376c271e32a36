package broker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guard is the end of a test that hangs. No test waits for it to succeed.
const guard = 20 * time.Second

// serve runs a broker until the test and the clients that it made have ended.
// Then every buffer must be back in the pool.
func serve(t testing.TB, o router.Options) *broker.Broker {
	t.Helper()
	b, stop := serveUntil(t, o)
	t.Cleanup(stop)
	return b
}

// serveUntil is serve for a test that says itself when the broker ends.
func serveUntil(t testing.TB, o router.Options) (b *broker.Broker, stop func()) {
	t.Helper()
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		if n := b.Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers are not back in the pool", n)
		}
	})
	return b, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func client(t testing.TB, b *broker.Broker, name string) *broker.LocalClient {
	t.Helper()
	c := b.Client(name)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return c
}

// within is a context for what must not hang.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard) // clean-ups use it too
	t.Cleanup(cancel)
	return ctx
}

func subscribe(t testing.TB, bus router.Bus, spec router.Subscription) router.Subscriber {
	t.Helper()
	s, err := bus.Subscribe(within(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func publish(t testing.TB, bus router.Bus, topic string, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := bus.Publish(within(t), router.Outgoing{Topic: topic, Payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t testing.TB, bus router.Bus) {
	t.Helper()
	if err := bus.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
}

// numbers are the payloads from..to-1.
func numbers(from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// shown says what a subscriber was shown, a line for each message: the payload,
// with the sequence number and ! in front where it is urgent; or the gap.
func shown(m *router.Message) string {
	urgent := ""
	if m.Urgent {
		urgent = "!"
	}
	if g := m.Gap; g != nil {
		return fmt.Sprintf("%sgap %d-%d: %d of %d bytes, %s", urgent, g.First, g.Last, g.Count, g.Bytes, g.Reason)
	}
	return fmt.Sprintf("%s%d %s", urgent, m.Sequence, m.Payload)
}

// read returns the next n things that s is shown.
func read(t testing.TB, s router.Subscriber, n int) (lines []string) {
	t.Helper()
	if n == 0 {
		return nil
	}
	for m := range s.Messages(within(t)) {
		if lines = append(lines, shown(m)); len(lines) == n {
			return lines
		}
	}
	t.Fatalf("ended after %d of %d: %q: %v", len(lines), n, lines, s.Err())
	return nil
}

// balanced takes the broker's books and checks that they add up.
func balanced(t testing.TB, b *broker.Broker) router.Stats {
	t.Helper()
	s, err := b.Stats(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Matched != s.Delivered+s.Dropped+s.Queued {
		t.Errorf("matched %d is not delivered %d + dropped %d + queued %d", s.Matched, s.Delivered, s.Dropped, s.Queued)
	}
	reasons := uint64(0)
	for _, n := range s.DroppedBy {
		reasons += n
	}
	if reasons != s.Dropped {
		t.Errorf("dropped by reason %v is not %d", s.DroppedBy, s.Dropped)
	}
	for _, sub := range s.Subscriptions {
		if sub.Matched != sub.Delivered+sub.Dropped+uint64(sub.Queued) {
			t.Errorf("subscription %d/%d: matched %d is not delivered %d + dropped %d + queued %d",
				sub.Source, sub.ID, sub.Matched, sub.Delivered, sub.Dropped, sub.Queued)
		}
	}
	return s
}

// booksOf returns the books of the subscription called name.
func booksOf(t testing.TB, b *broker.Broker, name string) router.SubStats {
	t.Helper()
	for _, s := range balanced(t, b).Subscriptions {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no subscription is called %q", name)
	return router.SubStats{}
}

// sizeOf is the length of a frame without an extension.
func sizeOf(topic, payload string) int { return frame.HeaderSize + len(topic) + len(payload) }

func extension(t testing.TB, m frame.Meta) []byte {
	t.Helper()
	b, err := frame.AppendExtension(nil, &m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ptr[T any](v T) *T { return &v }

// shownGap is how the loss of from..to, each of size bytes, is shown.
func shownGap(from, to, size int, reason string) string {
	n := to - from + 1
	return fmt.Sprintf("gap %d-%d: %d of %d bytes, %s", from, to, n, n*size, reason)
}
