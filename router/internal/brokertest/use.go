package brokertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/router"
)

// Subscribe subscribes.
func Subscribe(t testing.TB, bus router.Bus, spec router.Subscription) router.Subscriber {
	t.Helper()
	s, err := bus.Subscribe(Within(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Publisher returns a publisher for topic.
func Publisher(t testing.TB, bus router.Bus, topic string) router.Publisher {
	t.Helper()
	p, err := bus.Publisher(topic)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Publish publishes a message for each of payloads.
func Publish(t testing.TB, bus router.Bus, topic string, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := bus.Publish(Within(t), router.Outgoing{Topic: topic, Payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

// Retain publishes a retained value.
func Retain(t testing.TB, bus router.Bus, topic, payload string) {
	t.Helper()
	if err := bus.Publish(Within(t), router.Outgoing{Topic: topic, Payload: []byte(payload), Retain: true}); err != nil {
		t.Fatal(err)
	}
}

// Flush waits until what bus published has been routed.
func Flush(t testing.TB, bus router.Bus) {
	t.Helper()
	if err := bus.Flush(Within(t)); err != nil {
		t.Fatal(err)
	}
}

// Numbers returns the payloads from..to-1.
func Numbers(from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// Line writes a message as a line: the sequence number and the payload, after a ! if it is
// urgent; or the gap.
func Line(m *router.Message) string {
	urgent := ""
	if m.Urgent {
		urgent = "!"
	}
	if g := m.Gap; g != nil {
		return fmt.Sprintf("%sgap %d-%d: %d of %d bytes, %s", urgent, g.First, g.Last, g.Count, g.Bytes, g.Reason)
	}
	return fmt.Sprintf("%s%d %s", urgent, m.Sequence, m.Payload)
}

// GapLine is the Line of a gap from..to, of messages of size bytes each.
func GapLine(from, to, size int, reason string) string {
	n := to - from + 1
	return fmt.Sprintf("gap %d-%d: %d of %d bytes, %s", from, to, n, n*size, reason)
}

// Read returns the Lines of the next n messages and gaps of s.
func Read(t testing.TB, s router.Subscriber, n int) (lines []string) {
	t.Helper()
	if n == 0 {
		return nil
	}
	for m := range s.Messages(Within(t)) {
		if lines = append(lines, Line(m)); len(lines) == n {
			return lines
		}
	}
	t.Fatalf("ended after %d of %d: %q: %v", len(lines), n, lines, s.Err())
	return nil
}

// Echo is a responder.
func Echo(_ context.Context, r *router.Request) ([]byte, error) {
	return append([]byte("re: "), r.Payload...), nil
}

// Respond starts a responder.
func Respond(t testing.TB, bus router.Bus, target string, h router.Responder) router.Closer {
	t.Helper()
	c, err := bus.Respond(Within(t), target, h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Blocker is a responder that sends to Called when it is called, and answers when Let is
// closed.
type Blocker struct {
	Called chan context.Context
	Let    chan struct{}
}

// NewBlocker returns a Blocker.
func NewBlocker() *Blocker {
	return &Blocker{make(chan context.Context, 1000), make(chan struct{})}
}

// Handle is the responder.
func (b *Blocker) Handle(ctx context.Context, _ *router.Request) ([]byte, error) {
	b.Called <- ctx
	select {
	case <-b.Let:
		return []byte("at last"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ask sends a request. Its error comes on the channel.
func Ask(ctx context.Context, bus router.Bus, target string) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		_, err := bus.Request(ctx, target, nil)
		outcome <- err
	}()
	return outcome
}
