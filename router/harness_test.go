package router_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a broker until the test has ended. Then every buffer must be back in
// the pool.
func serve(t testing.TB, o router.Options) *router.Broker {
	t.Helper()
	b, err := router.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := b.Engine().Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers are not back in the pool", n)
		}
	})
	return b
}

// client is a client of b that is closed when the test ends.
func client(t testing.TB, b *router.Broker, name string) router.Bus {
	t.Helper()
	c := b.Client(name)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return c
}
