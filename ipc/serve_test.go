package ipc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestServeOfABrokerThatRuns holds that a broker has one routing thread: Serve of one
// that runs, or has run, returns at once, binds nothing and never calls Ready.
func TestServeOfABrokerThatRuns(t *testing.T) {
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()             // awaited below
	if _, err := b.Stats(t.Context()); err != nil { // it runs when it answers
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	refused := func(when string) {
		t.Helper()
		o := ipc.Options{Path: path, Ready: func(string) { t.Errorf("%s: Ready is called", when) }}
		if err := ipc.Serve(t.Context(), b, o); !errors.Is(err, router.ErrRunning) {
			t.Errorf("%s: Serve returns %v", when, err)
		}
		if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: Serve has made the socket's directory", when)
		}
	}
	refused("it runs")
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	refused("it has run")

	l := listen(t, path)
	if err := ipc.Serve(t.Context(), b, ipc.Options{Listener: l}); !errors.Is(err, router.ErrRunning) {
		t.Errorf("Serve on a listener returns %v", err)
	}
	listen(t, path) // the first listener is closed, so the path is free
}

func TestRunOfABrokerThatIsServed(t *testing.T) {
	s := start(t, router.Options{}, ipc.Options{})
	if err := s.broker.Run(t.Context()); !errors.Is(err, router.ErrRunning) {
		t.Errorf("Run returns %v", err)
	}
	if err := ipc.Serve(t.Context(), s.broker, ipc.Options{Path: s.path}); !errors.Is(err, router.ErrRunning) {
		t.Errorf("a second Serve returns %v", err)
	}
	if _, err := s.dial(t, ipc.ClientOptions{}).Request(t.Context(), router.StatsTarget, nil); err != nil {
		t.Errorf("the server does not serve any more: %v", err)
	}
}

// TestServeThatFailedMayBeTriedAgain holds that a broker is still free when its socket
// could not be bound.
func TestServeThatFailedMayBeTriedAgain(t *testing.T) {
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	l := listen(t, path)
	if err := ipc.Serve(t.Context(), b, ipc.Options{Path: path}); !errors.As(err, new(*ipc.InUseError)) {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := ipc.Serve(ctx, b, ipc.Options{Path: path, Ready: func(string) { cancel() }}); !errors.Is(err, ipc.ErrServerClosed) {
		t.Errorf("the second Serve returns %v", err)
	}
}
