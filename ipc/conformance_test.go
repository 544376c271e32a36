package ipc_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/routertest"
)

// TestConformance holds the client over a real socket to the rules that the
// in-process client keeps.
func TestConformance(t *testing.T) {
	routertest.Run(t, func(t *testing.T, o router.Options) func(name string) router.Bus {
		b, err := router.New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		path := filepath.Join(t.TempDir(), "bus", "x.sock")
		ready, served := make(chan string, 1), make(chan error, 1)
		go func() {
			served <- ipc.Serve(ctx, b, ipc.Options{Path: path, Ready: func(path string) { ready <- path }})
		}()
		t.Cleanup(func() {
			stop()
			if err := <-served; !errors.Is(err, ipc.ErrServerClosed) {
				t.Errorf("Serve: %v", err)
			}
		})
		select {
		case <-ready:
		case err := <-served:
			served <- err
			t.Fatal(err)
		}
		return func(name string) router.Bus {
			c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Errorf("close %s: %v", name, err)
				}
			})
			return c
		}
	})
}
