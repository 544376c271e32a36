package ipc_test

import (
	"testing"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/routertest"
)

// TestConformance holds the client over a real socket to the rules that the
// in-process client keeps.
func TestConformance(t *testing.T) {
	routertest.Run(t, func(t *testing.T, o router.Options) (*router.Broker, func(name string) router.Bus) {
		s := start(t, o, ipc.Options{})
		return s.broker, func(name string) router.Bus { return s.dial(t, ipc.ClientOptions{Name: name}) }
	})
}
