package process

import (
	"context"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/event"
)

// poll compares with /proc at every interval until ctx ends.
func (t *tracker) poll(ctx context.Context) error {
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	t.open.Opened()
	pace := adjust.NewPace(t.interval)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case call := <-t.door.Calls():
			call(t)
			pace.Set(t.interval)
		case <-pace.C():
			pace.Next()
			if err := t.compare(event.OpStart, event.TimeApproximate); err != nil {
				return err
			}
		}
	}
}
