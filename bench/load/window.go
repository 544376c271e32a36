package load

import (
	"context"
	"sync"
	"time"
)

// Window carries the credits of one publisher inside one process: its subscribers
// acknowledge, the publisher awaits. Across processes the same interfaces are met by
// sockets (package e2e). It is safe for concurrent use.
type Window struct {
	mu    sync.Mutex
	acked []uint64      // guarded by mu; one a subscriber
	moved chan struct{} // guarded by mu; closed and replaced when the slowest subscriber has moved
}

// NewWindow returns a window for n subscribers.
func NewWindow(n int) *Window {
	return &Window{acked: make([]uint64, n), moved: make(chan struct{})}
}

// Ack notes that a subscriber has seen everything below upTo.
func (w *Window) Ack(subscriber int, upTo uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := slowest(w.acked)
	w.acked[subscriber] = max(w.acked[subscriber], upTo)
	if slowest(w.acked) > before {
		close(w.moved)
		w.moved = make(chan struct{})
	}
}

// Await implements Credits.
func (w *Window) Await(ctx context.Context, n uint64) (uint64, error) {
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	for {
		w.mu.Lock()
		acked, moved := slowest(w.acked), w.moved
		w.mu.Unlock()
		if acked >= n {
			return acked, nil
		}
		select {
		case <-moved:
		case <-patience.C:
			return acked, nil
		case <-ctx.Done():
			return acked, ctx.Err()
		}
	}
}

// Windows are the windows of all publishers, by index, as one subscriber
// acknowledges them.
type Windows struct {
	Publishers []*Window
	Subscriber int
}

// Ack implements Acker.
func (w Windows) Ack(publisher uint32, upTo uint64) error {
	w.Publishers[publisher].Ack(w.Subscriber, upTo)
	return nil
}

func slowest(acked []uint64) uint64 {
	if len(acked) == 0 {
		return 0
	}
	low := acked[0]
	for _, n := range acked[1:] {
		low = min(low, n)
	}
	return low
}
