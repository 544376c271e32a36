package brokertest

import (
	"context"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/inproc"
)

// guard ends a test that hangs. No test waits for it to succeed.
const guard = 20 * time.Second

// New makes a broker. The test runs it with the function that New returns, which in turn
// returns one that ends it. At the end of the test every buffer must be back in the pool.
func New(t testing.TB, o router.Options) (b *broker.Broker, run func() (stop func())) {
	t.Helper()
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := b.Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers are not back in the pool", n)
		}
	})
	return b, func() func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
}

// Serve runs a broker until the test and the clients that it made have ended.
func Serve(t testing.TB, o router.Options) *broker.Broker {
	t.Helper()
	b, stop := ServeUntil(t, o)
	t.Cleanup(stop)
	return b
}

// ServeUntil runs a broker until the test calls stop.
func ServeUntil(t testing.TB, o router.Options) (b *broker.Broker, stop func()) {
	t.Helper()
	b, run := New(t, o)
	return b, run()
}

// Connect returns a client of b that the test closes.
func Connect(b *broker.Broker, name string) *inproc.Client {
	return inproc.New(b, router.Identity{Name: name}, nil)
}

// Client returns a client of b that is closed at the end of the test.
func Client(t testing.TB, b *broker.Broker, name string) *inproc.Client {
	t.Helper()
	c := Connect(b, name)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return c
}

// Within returns a context for what must not hang.
func Within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard) // clean-ups use it too
	t.Cleanup(cancel)
	return ctx
}

// Wait receives from c.
func Wait[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-Within(t).Done():
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
