package agent

import (
	"context"
	"encoding/json"

	"github.com/oklog/ulid/v2"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// raised publishes alerts.
type raised struct {
	a     *Agent
	queue chan *alert.Alert
}

func (r *raised) submit(x *alert.Alert) {
	select {
	case r.queue <- x:
	default:
	}
}

func (r *raised) run(ctx context.Context) {
	for {
		select {
		case x := <-r.queue:
			x.ID, x.Status, x.Raised = ulid.Make(), alert.Open, x.Last
			b, err := json.Marshal(x)
			if err == nil {
				err = r.a.self.Publish(ctx, router.Outgoing{Topic: x.Topic(), Payload: b, Content: frame.ContentJSON})
			}
			if err != nil {
				r.a.o.Logger.Error("alert", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
