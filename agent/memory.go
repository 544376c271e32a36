package agent

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/daemoneye/eventbus/agent/trim"
)

// The broker keeps at most its max_memory. The Go runtime may hold more beside it,
// because it collects garbage late and returns memory late. So the agent sets the
// runtime's limit from max_memory, and gives memory back once when it is idle after the
// start, and again after each peak.

const (
	// memoryBeside is what the runtime may take beside the broker's max_memory: the
	// program's own heap, stacks, and garbage. With 32 MiB the agent's anonymous memory
	// stays within max_memory and 48 MiB.
	memoryBeside = 32 << 20

	// memoryInterval is the time between two looks.
	memoryInterval = 2 * time.Second
	// memoryWorth is how much must be held beyond the last time for giving it back to be
	// worth two collections.
	memoryWorth = 8 << 20
	// busyAllocations is how many bytes are allocated in memoryInterval by an agent that
	// is not idle.
	busyAllocations = 1 << 20
)

// limitMemory sets the runtime's limit for a broker with maxMemory, unless GOMEMLIMIT
// is set. restore takes it back.
func limitMemory(maxMemory int64) (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(maxMemory + memoryBeside)
	return func() { debug.SetMemoryLimit(before) }
}

// memoryReturner gives memory back to the system when the process is idle after its
// start, and after a peak. What the broker keeps for its clients is not to be had, so it does not count as
// held: it counts as soon as the clients have gone. One goroutine at a time.
type memoryReturner struct {
	held      func() (held, allocated uint64) // bytes held now beside what is kept, and allocated so far
	free      func(context.Context)
	base      uint64 // what was held when memory was given back last
	started   bool   // memory was given back after the start
	allocated uint64
}

// newMemoryReturner returns one for a process whose broker keeps as many bytes as kept
// returns, and moves them together in compact.
func newMemoryReturner(kept func() int64, compact func(context.Context)) *memoryReturner {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	r := &memoryReturner{
		held: func() (held, allocated uint64) {
			metrics.Read(samples)
			held = samples[0].Value.Uint64() - samples[1].Value.Uint64()
			return held - min(held, uint64(kept())), samples[2].Value.Uint64()
		},
		free: func(ctx context.Context) {
			compact(ctx)
			debug.FreeOSMemory() // pools keep what they hold for one collection more
			trim.Memory()
		},
	}
	r.base, r.allocated = r.held()
	return r
}

// look gives memory back when that is worth it. It reports whether it did.
func (r *memoryReturner) look(ctx context.Context) bool {
	held, allocated := r.held()
	idle := allocated-r.allocated < busyAllocations
	r.allocated = allocated
	r.base = min(r.base, held)
	if !idle || r.started && held < r.base+memoryWorth {
		return false
	}
	r.started = true
	r.free(ctx)
	r.base, r.allocated = r.held()
	return true
}

// run looks at intervals until ctx ends.
func (r *memoryReturner) run(ctx context.Context) {
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.look(ctx)
		}
	}
}
