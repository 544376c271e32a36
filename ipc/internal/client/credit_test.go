package client

import (
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// TestWhatCameBeforeIsNotReportedToTheNextConnection has the consumer settle messages while
// the next connection begins. Whatever comes first, they must not count there: the broker
// refuses a report of more than it has sent, and then a window never opens again.
func TestWhatCameBeforeIsNotReportedToTheNextConnection(t *testing.T) {
	t.Parallel()
	items := make([]queue.Item, 64) // with the number 0
	for range 20_000 {
		var k credit
		k.begin(1, [2]uint64{})
		var both sync.WaitGroup
		both.Go(func() { k.settle(bus.Bulk, items, false) })
		both.Go(func() { k.begin(1, [2]uint64{64, 0}) })
		both.Wait()
		if n := k.lanes[bus.Bulk].settled(); n != 0 {
			t.Fatalf("%d messages of the connection before are counted", n)
		}
	}
}
