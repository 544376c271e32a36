package ring_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/daemoneye/eventbus/ring"
)

// What Footprint returns is never less than what the heap grows by, and not much more.
func TestTheFootprintIsWhatTheHeapGrowsBy(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	type element struct {
		_ *int
		_ [2]uint64
		_ [2]uint32
	}
	const rings = 200
	for _, capacity := range []int{1, 7, 16, 64, 256, 1000, 5000} {
		for _, queued := range []int{0, 1, 64, 65, 500, 1000, 5000} {
			if queued > capacity {
				continue
			}
			t.Run(fmt.Sprintf("capacity=%d/queued=%d", capacity, queued), func(t *testing.T) {
				signal := ring.NewSignal()
				var kept [rings]*ring.Ring[element]
				batch, out := make([]element, 10), make([]element, 0, 16)
				before := heap()
				for i := range kept {
					r := ring.NewWithOptions(ring.Options[element]{Capacity: capacity, Signal: signal})
					kept[i] = r
					if queued == 0 {
						continue
					}
					// Filled and taken in turns, until every chunk was in use, with a claim held.
					for r.Len() < queued {
						r.Push(element{})
					}
					for range 10 {
						n := min(len(r.Claim(10).Items), queued)
						out = r.PushBatch(batch[:n], out[:0])
					}
				}
				got := float64(heap()-before) / rings
				runtime.KeepAlive(&kept)
				said := float64(ring.Footprint[element](capacity, queued))
				if got > said || said > 3*got {
					t.Errorf("a ring takes %.0f bytes, and its footprint is said to be %.0f", got, said)
				}
			})
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
