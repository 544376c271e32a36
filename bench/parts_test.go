package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/report"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router"
)

// BenchmarkParts measures the parts of the way inside one process: the ring beside a channel and a queue with a lock, the frame
// codec, and the router from publisher to handler.
func BenchmarkParts(b *testing.B) {
	t := report.Table{Head: []string{"part", "what", "ns each", "million/s"}, Left: 2}
	for b.Loop() {
		t.Rows = nil
		for _, p := range parts {
			ns := perElement(p.run)
			t.Add(p.part, p.what, fmt.Sprintf("%.2f", ns), fmt.Sprintf("%.1f", 1e3/ns))
			b.ReportMetric(ns, p.part+"/"+p.what+"-ns")
		}
		for _, fan := range [][2]int{{1, 1}, {1, 4}, {1, 32}, {4, 1}, {4, 4}, {32, 1}, {32, 32}} {
			ns, err := routed(b.Context(), fan[0], fan[1])
			if err != nil {
				b.Fatal(err)
			}
			what := fmt.Sprintf("%d→%d-deliveries", fan[0], fan[1])
			t.Add("router", what, fmt.Sprintf("%.1f", ns), fmt.Sprintf("%.2f", 1e3/ns))
			b.ReportMetric(ns, "router/"+what+"-ns")
		}
	}
	b.ReportMetric(0, "ns/op")
	t.Notes = []string{"Ring elements are 64 bits wide, the capacity is 1024. Streaming is between two goroutines. Router: 128 B, from in-process " +
		"publishers through the routing thread to in-process handlers."}
	document.Put(report.Section{Title: "Parts", Text: "What the parts cost by themselves, in one process.", Tables: []report.Table{t}})
}

// part is something to measure: run does n elements.
type part struct {
	part, what string
	run        func(n int)
}

const capacity = 1024

var parts = []part{
	{"ring", "push+pop", func(n int) {
		r := ring.New[uint64](capacity)
		for range n {
			r.Push(1)
			r.Pop()
		}
	}},
	{"channel", "send+receive", func(n int) {
		c := make(chan uint64, capacity)
		for range n {
			c <- 1
			<-c
		}
	}},
	{"ring", "stream-singly", func(n int) { streamRing(n, 1) }},
	{"ring", "stream-by-16", func(n int) { streamRing(n, 16) }},
	{"ring", "stream-by-64", func(n int) { streamRing(n, 64) }},
	{"channel", "stream", streamChannel},
	{"mutex-queue", "stream", streamLocked},
	{"ring", "evict-singly", func(n int) {
		r := ring.New[uint64](capacity)
		for range n {
			r.Push(1)
		}
	}},
	{"ring", "evict-by-64", func(n int) {
		r := ring.New[uint64](capacity)
		vs, out := make([]uint64, 64), make([]uint64, 0, 64)
		for range n / 64 {
			out = r.PushBatch(vs, out[:0])
		}
	}},
	{"frame", "append-128B", func(n int) {
		t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Topic: "events.bench"})
		if err != nil {
			panic(err) // the fields are constants
		}
		payload, dst := make([]byte, 128), make([]byte, 0, 4096)
		for i := range n {
			dst = t.Append(dst[:0], uint64(i), 0, nil, payload)
		}
	}},
	{"frame", "decode+stamp-128B", func(n int) {
		t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Topic: "events.bench"})
		if err != nil {
			panic(err)
		}
		b := t.Append(nil, 1, 0, nil, make([]byte, 128))
		for i := range n {
			f, err := frame.Next(b, frame.DefaultMaxSize)
			if err != nil {
				panic(err)
			}
			f.Stamp(1, uint64(i))
		}
	}},
}

// perElement runs f with more and more elements until it takes long enough, and returns the time of one in nanoseconds.
func perElement(f func(n int)) float64 {
	for n := 1 << 14; ; n *= 4 {
		start := time.Now()
		f(n)
		if took := time.Since(start); took >= measured/5 {
			return float64(took) / float64(n)
		}
	}
}

// streamRing moves n elements from one goroutine to another; nothing is lost, for the producer offers.
func streamRing(n, batch int) {
	r := ring.New[uint64](capacity)
	var done sync.WaitGroup
	done.Go(func() {
		vs := make([]uint64, batch)
		for sent := 0; sent < n; {
			if batch == 1 {
				for !r.Offer(1) {
					runtime.Gosched()
				}
				sent++
				continue
			}
			taken := r.OfferBatch(vs[:min(batch, n-sent)])
			if sent += taken; taken == 0 {
				runtime.Gosched()
			}
		}
		r.Close()
	})
	for range r.Batches(context.Background()) {
	}
	done.Wait()
}

func streamChannel(n int) {
	c := make(chan uint64, capacity)
	var done sync.WaitGroup
	done.Go(func() {
		for range n {
			c <- 1
		}
		close(c)
	})
	for range c {
	}
	done.Wait()
}

// streamLocked is the queue that one writes first: a slice, a mutex and two conditions.
func streamLocked(n int) {
	var (
		mu       sync.Mutex
		queue    []uint64
		notEmpty = sync.NewCond(&mu)
		notFull  = sync.NewCond(&mu)
		done     sync.WaitGroup
	)
	done.Go(func() {
		for range n {
			mu.Lock()
			for len(queue) == capacity {
				notFull.Wait()
			}
			queue = append(queue, 1)
			mu.Unlock()
			notEmpty.Signal()
		}
	})
	for range n {
		mu.Lock()
		for len(queue) == 0 {
			notEmpty.Wait()
		}
		queue = queue[1:]
		mu.Unlock()
		notFull.Signal()
	}
	done.Wait()
}

// routed has publishers send to subscribers in one process, and returns the time of a delivery in nanoseconds. Queues hold all that
// is on its way, so that nothing is dropped.
func routed(ctx context.Context, publishers, subscribers int) (float64, error) {
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
