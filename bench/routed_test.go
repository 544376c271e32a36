package bench_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// fans are the numbers of publishers and subscribers of a router in one process.
var fans = [][2]int{{1, 1}, {1, 4}, {1, 32}, {4, 1}, {4, 4}, {32, 1}, {32, 32}}

func routedKeys(fan [2]int) string {
	return fmt.Sprintf("part=router/what=delivery/pubs=%d/subs=%d", fan[0], fan[1])
}

// routed returns the time of a delivery in nanoseconds, from publishers to
// subscribers in one process: of all turns but the first, which warms up, for as
// long as a measurement lasts.
func routed(ctx context.Context, publishers, subscribers int) (float64, error) {
	var sum, n float64
	for first, end := true, time.Now().Add(measured/5); first || time.Now().Before(end) || n == 0; first = false {
		ns, err := routedOnce(ctx, publishers, subscribers)
		if err != nil {
			return 0, err
		}
		if !first {
			sum, n = sum+ns, n+1
		}
	}
	return sum / n, nil
}

// routedOnce has publishers send to subscribers, and returns the time of a delivery.
// Queues hold all that is on its way, so that nothing is dropped.
func routedOnce(ctx context.Context, publishers, subscribers int) (float64, error) {
	const perPublisher = 1 << 14
	n := max(1<<17/publishers/subscribers, 1<<10)
	n = min(n, perPublisher)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := router.New(router.Options{MaxQueued: n*publishers + 1, MaxMemory: 1 << 32})
	if err != nil {
		return 0, err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- b.Run(ctx) }() // received below
	var arrived sync.WaitGroup
	for range subscribers {
		c := b.Client("subscriber")
		defer c.Close()
		arrived.Add(1)
		left := n * publishers
		_, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{"bench.#"}, Handler: func(*router.Message) {
			if left--; left == 0 {
				arrived.Done()
			}
		}})
		if err != nil {
			return 0, err
		}
	}
	payload := make([]byte, 128)
	var pubs []router.Publisher
	for range publishers {
		c := b.Client("publisher")
		defer c.Close()
		p, err := c.Publisher("bench.parts")
		if err != nil {
			return 0, err
		}
		pubs = append(pubs, p)
	}
	start := time.Now()
	var sending sync.WaitGroup
	failed := make(chan error, publishers)
	for _, p := range pubs {
		sending.Go(func() {
			for range n {
				if err := p.Publish(payload); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	sending.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	arrived.Wait()
	took := time.Since(start)
	cancel()
	return float64(took) / float64(n*publishers*subscribers), <-stopped
}
