package serve_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
)

// opening is an able whose source opens when open is closed.
type opening struct {
	*able
	collector.Opening
	open <-chan struct{}
}

func (o *opening) Run(ctx context.Context, emit collector.Emit) error {
	select {
	case <-o.open:
		o.Opened()
	case <-ctx.Done():
	}
	return o.able.Run(ctx, emit)
}

// TestACollectorReportsThatItsSourceIsOpen at once, and until then in each heartbeat that it
// is not.
func TestACollectorReportsThatItsSourceIsOpen(t *testing.T) {
	v := demo(t, serve.Options{}, `{"opens":true}`)
	if h := v.beat(control.CollectorRunning); !h.Opening || h.Sequence != 1 {
		t.Errorf("the first heartbeat is %+v", h)
	}
	close(v.open)
	if h := v.beat(control.CollectorRunning); h.Opening || h.Sequence != 2 {
		t.Errorf("the next heartbeat is %+v", h)
	}
	// It opens its source anew, and reports that as well.
	v.call(control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(`{"rate":2}`)})
	if h := v.beat(control.CollectorRunning); h.Opening || h.Sequence != 3 {
		t.Errorf("the heartbeat after another configuration is %+v", h)
	}
}

// TestACollectorThatReportsNoOpeningCountsAsOpen from its registration on.
func TestACollectorThatReportsNoOpeningCountsAsOpen(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	if h := v.beat(control.CollectorRunning); h.Opening || h.Sequence != 1 {
		t.Errorf("the first heartbeat is %+v", h)
	}
}
