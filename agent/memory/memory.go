// Package memory holds the agent's memory to what the configuration allows.
package memory

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
	// beside is what the runtime may take beside the broker's max_memory: the
	// program's own heap, stacks, and garbage. With 32 MiB the agent's anonymous memory
	// stays within max_memory and 48 MiB.
	beside = 32 << 20

	// interval is the time between two looks.
	interval = 2 * time.Second
	// worth is how much must be held beyond the last time for giving it back to be
	// worth two collections.
	worth = 8 << 20
	// busyAllocations is how many bytes are allocated in interval by an agent that
	// is not idle.
	busyAllocations = 1 << 20
)

// Limit sets the runtime's limit for a broker with maxMemory, unless GOMEMLIMIT
// is set. restore takes it back.
func Limit(maxMemory int64) (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(maxMemory + beside)
	return func() { debug.SetMemoryLimit(before) }
}

// Returner gives memory back to the system when the process is idle after its
// start, and after a peak. What the broker keeps for its clients is not to be had, so it does not count as
// held: it counts as soon as the clients have gone. One goroutine at a time.
type Returner struct {
	held      func() (held, allocated uint64) // bytes held now beside what is kept, and allocated so far
	free      func(context.Context)
	base      uint64 // what was held when memory was given back last
	started   bool   // memory was given back after the start
	allocated uint64
}

// NewReturner returns one for a process whose broker keeps as many bytes as kept
// returns, and moves them together in compact.
func NewReturner(kept func() int64, compact func(context.Context)) *Returner {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	r := &Returner{
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
func (r *Returner) look(ctx context.Context) bool {
	held, allocated := r.held()
	idle := allocated-r.allocated < busyAllocations
	r.allocated = allocated
	r.base = min(r.base, held)
	if !idle || r.started && held < r.base+worth {
		return false
	}
	r.started = true
	r.free(ctx)
	r.base, r.allocated = r.held()
	return true
}

// Run looks at intervals until ctx ends.
func (r *Returner) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
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
