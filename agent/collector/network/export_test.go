package network

import (
	"context"

	"github.com/daemoneye/eventbus/agent/event"
)

// Look has a collector that runs list all sockets now.
func (c *Collector) Look(ctx context.Context) error {
	return c.door.Through(ctx, func(t *tracker) error { return t.look(everything, event.TimeApproximate) })
}
