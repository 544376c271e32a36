package process

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
)

// poll compares with /proc at every interval until ctx ends.
func (t *tracker) poll(ctx context.Context) error {
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case call := <-t.door.Calls():
			before := t.interval
			if call(t); t.interval != before {
				tick.Reset(t.interval)
			}
		case <-tick.C:
			if err := t.compare(event.OpStart, event.TimeApproximate); err != nil {
				return err
			}
		}
	}
}
