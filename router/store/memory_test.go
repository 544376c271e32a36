package store_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/store"
)

// Beside is never less than the memory that the stores use beside their buffers.
func TestBesideBoundsTheMemoryBesideBuffers(t *testing.T) {
	const n = 3000
	part := func(i int) string { return fmt.Sprintf("%024d", i) }
	for name, topic := range map[string]func(i int) string{
		"the last segment differs": func(i int) string { return fmt.Sprintf("events.t.%06d", i) },
		"eight long segments":      func(i int) string { return strings.Repeat(part(i)+".", 7) + part(i) },
		"pairs":                    func(i int) string { return fmt.Sprint(i/2, ".", i%2) },
	} {
		pool := buffer.NewPool()
		feed := func(add func(topic string, items []queue.Item)) {
			for i := range n {
				buf := pool.Get(1 << 10)
				b, err := frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: topic(i), Payload: []byte("x"), Source: uint32(i), Sequence: uint64(i + 1)})
				if err != nil {
					t.Fatal(err)
				}
				buf.B = b
				add(strings.Clone(topic(i)), []queue.Item{{Buf: buf, Len: uint32(len(b))}})
				buf.Release(1)
			}
		}
		t.Run("replay, "+name, func(t *testing.T) {
			before := heap() - pool.Live()
			r, err := store.NewReplay(store.Rule{Pattern: "#", MaxCount: n, MaxBytes: 8 << 20}, pool)
			if err != nil {
				t.Fatal(err)
			}
			feed(func(topic string, items []queue.Item) { r.Add(topic, bus.Bulk, items, 0) })
			compare(t, n, heap()-pool.Live()-before, r.Beside())
			r.Release()
		})
		t.Run("retained, "+name, func(t *testing.T) {
			before := heap() - pool.Live()
			r := store.NewRetained(pool, store.Limits{Values: n, Bytes: 64 << 20})
			feed(func(topic string, items []queue.Item) { r.Keep(topic, bus.Bulk, &items[0]) })
			compare(t, n, heap()-pool.Live()-before, r.Beside())
			r.Release()
			if r.Beside() != 0 {
				t.Errorf("%d bytes are left", r.Beside())
			}
		})
	}
}

func compare(t *testing.T, n, got, said int64) {
	t.Helper()
	t.Logf("%d bytes each, said to be %d", got/n, said/n)
	if got > said || strconv.IntSize == 64 && said > 4*got { // the sizes are of 64-bit machines
		t.Errorf("%d bytes each, said to be %d", got/n, said/n)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBuffersOfAReplayAreBounded adds frames of all sizes, chosen so that much of each
// buffer is left over: the buffers are no more than twice the bytes that are kept, and the
// first and the last one, of which little may be in use.
func TestBuffersOfAReplayAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := buffer.NewPool()
		rule := store.Rule{Pattern: "#", MaxCount: 1000, MaxBytes: rapid.Int64Range(1, 4<<20).Draw(t, "bytes")}
		r, err := store.NewReplay(rule, pool)
		if err != nil {
			t.Fatal(err)
		}
		sizes := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 1000), rapid.IntRange(32<<10, 34<<10), rapid.IntRange(64<<10, 68<<10),
			rapid.IntRange(190<<10, 260<<10), rapid.IntRange(260<<10, 1<<20),
		), 1, 60).Draw(t, "sizes")
		largest := int64(64 << 10)
		for i, n := range sizes {
			it := item(t, pool, "a", string(make([]byte, n)), 1, uint64(i+1))
			largest = max(largest, buffer.Capacity(int(it.Len)))
			r.Add("a", bus.Bulk, []queue.Item{it}, int64(i))
			it.Buf.Release(1)
			if live := pool.Live(); live > 2*rule.MaxBytes+2*largest {
				t.Fatalf("after %d frames: %d bytes of buffers for %d, with frames that take %d", i+1, live, rule.MaxBytes, largest)
			}
		}
		r.Release()
		if n := pool.Live(); n != 0 {
			t.Fatalf("%d bytes were not released", n)
		}
	})
}
