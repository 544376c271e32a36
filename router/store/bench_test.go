package store_test

import (
	"fmt"
	"testing"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
)

// BenchmarkRetained stores values of one client, on the same topic again and again and on
// ever more topics, alone and beside 1,024 other clients that have one value each.
func BenchmarkRetained(b *testing.B) {
	for _, owners := range []int{0, 1024} {
		for _, topics := range []int{1, 4096} {
			b.Run(fmt.Sprintf("owners=%d/topics=%d", owners, topics), func(b *testing.B) {
				pool := buffer.NewPool()
				r := store.NewRetained(pool, store.Limits{Values: 1024, Bytes: 64 << 20})
				sequence := uint64(0)
				make := func(source int, name string) queue.Item {
					sequence++
					return item(b, pool, name, "1", uint32(source), sequence)
				}
				for i := range owners {
					name := fmt.Sprintf("events.owner.%d", i)
					it := make(2+i, name)
					r.Keep(name, bus.Bulk, &it)
				}
				var names []string
				var items []queue.Item
				for i := range topics {
					names = append(names, fmt.Sprintf("events.mine.%06d", i))
					items = append(items, make(1, names[i]))
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r.Keep(names[i%topics], bus.Bulk, &items[i%topics])
				}
			})
		}
	}
}
