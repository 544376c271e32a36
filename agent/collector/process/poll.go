package process

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
)

// poll compares with /proc at every interval until ctx ends.
func (t *tracker) poll(ctx context.Context, interval time.Duration) error {
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := t.compare(event.OpStart, event.TimeApproximate); err != nil {
				return err
			}
		}
	}
}
