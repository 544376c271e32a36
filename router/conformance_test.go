package router_test

import (
	"testing"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/routertest"
)

func TestConformance(t *testing.T) {
	routertest.Run(t, func(t *testing.T, o router.Options) (*router.Broker, func(name string) router.Bus) {
		b := serve(t, o)
		return b, func(name string) router.Bus { return client(t, b, name) }
	})
}
