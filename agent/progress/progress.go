// Package progress watches whether the parts of the agent move on which everything
// depends.
package progress

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
)

const (
	// probeInterval is the time between two probes of a part; a quarter of the
	// watchdog's time where that is less.
	probeInterval = 5 * time.Second
	// stillAfter is after how many intervals without progress a part counts as stuck.
	stillAfter = 3
)

// Watcher watches whether the parts move on which everything depends, and feeds the
// service manager's watchdog as long as all of them do. So the service manager restarts
// an agent whose routing thread or manager is stuck, though its process lives.
type Watcher struct {
	interval time.Duration
	alive    func() error // feeds the watchdog
	failed   func(error)  // is called when that fails
	parts    []*movingPart
}

// movingPart is a part with a probe, which returns nil when the part has done something
// for it. A probe that does not return is a part that does not move.
type movingPart struct {
	name  string
	probe func(context.Context) error
	moved atomic.Int64 // when it last did, in nanoseconds since began
	began time.Time
}

// New returns one that feeds a watchdog of that time, 0 for none: with alive. It calls failed
// when that fails.
func New(watchdog time.Duration, alive func() error, failed func(error)) *Watcher {
	w := &Watcher{interval: probeInterval, alive: alive, failed: failed}
	if watchdog > 0 {
		w.interval = min(w.interval, max(watchdog/4, time.Millisecond))
	}
	return w
}

// Watch watches one more part. It is called before Run.
func (w *Watcher) Watch(name string, probe func(context.Context) error) {
	w.parts = append(w.parts, &movingPart{name: name, probe: probe, began: time.Now()})
}

// Run probes each part on a goroutine of its own until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, m := range w.parts {
		m.move() // it has had no time yet
		all.Go(func() {
			w.every(ctx, func() {
				if m.probe(ctx) == nil {
					m.move()
				}
			})
		})
	}
	w.every(ctx, w.feed)
	all.Wait()
}

// every calls f now, and then at each interval until ctx ends.
func (w *Watcher) every(ctx context.Context, f func()) {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// feed feeds the watchdog when all parts have moved lately.
func (w *Watcher) feed() {
	for _, m := range w.parts {
		if m.still() > 2*w.interval {
			return
		}
	}
	if err := w.alive(); err != nil {
		w.failed(err)
	}
}

func (m *movingPart) move() { m.moved.Store(int64(time.Since(m.began))) }

// still is for how long the part has not moved.
func (m *movingPart) still() time.Duration {
	return time.Since(m.began) - time.Duration(m.moved.Load())
}

// Component is the part as one that can be judged.
func (w *Watcher) Component(name string) health.Component {
	return health.Component{Name: name, Check: func(*health.Facts) control.Health {
		for _, m := range w.parts {
			if d := m.still(); m.name == name && d > stillAfter*w.interval {
				return control.Health{State: control.Unhealthy, Reason: fmt.Sprintf("it has not moved for %s", d.Round(time.Second))}
			}
		}
		return control.Health{}
	}}
}
