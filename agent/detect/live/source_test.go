package live

import (
	"context"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/router"
)

// TestAForgeryIsFoundWithoutAllocation: each of a flood of forged events costs no more
// than a look.
func TestAForgeryIsFoundWithoutAllocation(t *testing.T) {
	s := sources{
		identify: func(context.Context, uint32) (router.Identity, bool, error) {
			return router.Identity{Name: "gpu", Role: control.CollectorRole}, true, nil
		},
		owned: func(t event.Type) bool { return t == event.TypeProcess },
	}
	for _, c := range []struct {
		topic  string
		t      event.Type
		want   forgery
		reason string
	}{
		{"events.process.lifecycle", event.TypeProcess, genuine, ""},
		{"events.gpu.heat", event.TypeNetwork, genuine, ""},
		{"events.network.connections", event.TypeProcess, elsewhere, "an event of type process on topic events.network.connections"},
		{"events.gpu.heat", event.TypeProcess, foreign, "an event of type process of collector gpu"},
	} {
		topic := []byte(c.topic)
		if got := s.check(t.Context(), 7, topic, c.t); got != c.want {
			t.Errorf("%v on %s: %d, want %d", c.t, c.topic, got, c.want)
			continue
		}
		ctx := t.Context()
		if n := testing.AllocsPerRun(100, func() { s.check(ctx, 7, topic, c.t) }); n != 0 && !raceEnabled {
			t.Errorf("%v on %s: %v allocations", c.t, c.topic, n)
		}
		if c.want == genuine {
			continue
		}
		if reason, from := s.describe(ctx, c.want, 7, topic, c.t); reason != c.reason || !strings.Contains(from, `name "gpu"`) {
			t.Errorf("%v on %s: %q from %q", c.t, c.topic, reason, from)
		}
	}
}
