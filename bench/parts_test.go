package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/report"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router"
)

// BenchmarkParts shows what the parts cost by themselves, and holds the ring against what it should reach.
func BenchmarkParts(b *testing.B) {
	all := make(map[string][]float64) // ns an element, one a round
	fans := [][2]int{{1, 1}, {1, 4}, {1, 32}, {4, 1}, {4, 4}, {32, 1}, {32, 32}}
	for b.Loop() {
		for range roundsWanted {
			for _, p := range parts {
				all[p.name()] = append(all[p.name()], perElement(p.run))
			}
			for _, fan := range fans {
				ns, err := routed(b.Context(), fan[0], fan[1])
				if err != nil {
					b.Fatal(err)
				}
				all[routedName(fan)] = append(all[routedName(fan)], ns)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	names := make([]string, 0, len(parts)+len(fans))
	for _, p := range parts {
		names = append(names, p.name())
	}
	for _, fan := range fans {
		names = append(names, routedName(fan))
	}
	ns := func(name string) float64 { return median(all[name], func(v float64) float64 { return v }) }
	t := report.Table{Head: []string{"part", "what", "ns each", "million/s", "× channel", "aim"}, Left: 2}
	for _, name := range names {
		part, what, _ := strings.Cut(name, "/")
		a := ringAims[name]
		t.Add(part, what, fmt.Sprintf("%.2f", ns(name)), fmt.Sprintf("%.1f", 1e3/ns(name)), a.ratio(ns, name), a.verdict(ns, name))
		b.ReportMetric(ns(name), name+"-ns")
	}
	t.Notes = []string{fmt.Sprintf("Medians of %d. Ring elements are 64 bits wide, the capacity is 1024. Streaming is between two goroutines, and the consumer "+
		"adds up what it gets; × channel is in speed there, and in time for push+pop. Router: 128 B, from in-process publishers through the routing thread to "+
		"in-process handlers.", len(all[names[0]]))}
	document.Put(report.Section{Title: "Parts", Text: "What the parts cost by themselves, in one process.", Tables: []report.Table{t}})
}

// ringAim is what a part of the ring should reach: a share of a channel's time at most, a multiple of its speed at least, or a time.
type ringAim struct {
	channel    string // the part to compare with
	share      float64
	speed      float64
	nanosecond float64
}

var ringAims = map[string]ringAim{
	"ring/push+pop":      {channel: "channel/send+receive", share: 0.4},
	"ring/stream-singly": {channel: "channel/stream", speed: 4},
	"ring/stream-by-16":  {channel: "channel/stream", speed: 15},
	"ring/stream-by-64":  {channel: "channel/stream", speed: 25},
	"ring/evict-singly":  {nanosecond: 10},
	"ring/evict-by-64":   {nanosecond: 1},
}

func (a ringAim) ratio(ns func(string) float64, name string) string {
	switch {
	case a.share > 0:
		return fmt.Sprintf("%.2f", ns(name)/ns(a.channel))
	case a.speed > 0:
		return fmt.Sprintf("%.1f", ns(a.channel)/ns(name))
	}
	return ""
}

func (a ringAim) verdict(ns func(string) float64, name string) string {
	var met bool
	var text string
	switch {
	case a.share > 0:
		met, text = ns(name) <= a.share*ns(a.channel), fmt.Sprintf("≤ %.1f", a.share)
	case a.speed > 0:
		met, text = a.speed*ns(name) <= ns(a.channel), fmt.Sprintf("≥ %.0f", a.speed)
	case a.nanosecond > 0:
		met, text = ns(name) < a.nanosecond, fmt.Sprintf("< %.0f ns", a.nanosecond)
	default:
		return ""
	}
	if met {
		return text + " met"
	}
	return text + " missed"
}

func routedName(fan [2]int) string { return fmt.Sprintf("router/%d→%d-deliveries", fan[0], fan[1]) }

// part is something to measure: run does n elements.
type part struct {
	part, what string
	run        func(n int)
}

func (p part) name() string { return p.part + "/" + p.what }

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
		vs := slices.Repeat([]uint64{1}, batch)
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
	sum := uint64(0)
	for b := range r.Batches(context.Background()) {
		part := uint64(0) // of the turn: sum is shared with the loop's function, and not in a register
		for _, v := range b.Items {
			part += v
		}
		sum += part
	}
	done.Wait()
	check(sum, n)
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
	sum := uint64(0)
	for v := range c {
		sum += v
	}
	done.Wait()
	check(sum, n)
}

// streamLocked is the queue that one writes first: an array, a mutex and two conditions.
func streamLocked(n int) {
	var (
		mu         sync.Mutex
		slots      [capacity]uint64
		head, tail int
		notEmpty   = sync.NewCond(&mu)
		notFull    = sync.NewCond(&mu)
		done       sync.WaitGroup
	)
	done.Go(func() {
		for range n {
			mu.Lock()
			for tail-head == capacity {
				notFull.Wait()
			}
			slots[tail%capacity] = 1
			tail++
			mu.Unlock()
			notEmpty.Signal()
		}
	})
	sum := uint64(0)
	for range n {
		mu.Lock()
		for tail == head {
			notEmpty.Wait()
		}
		sum += slots[head%capacity]
		head++
		mu.Unlock()
		notFull.Signal()
	}
	done.Wait()
	check(sum, n)
}

// check has the consumer's sum looked at, so that nobody leaves it out.
func check(sum uint64, n int) {
	if sum != uint64(n) {
		panic(fmt.Sprintf("%d of %d elements have come", sum, n)) // a queue of ours is broken
	}
}

// routed returns the time of a delivery in nanoseconds, from publishers to subscribers in one process: of all turns but the first, which
// warms up, for as long as a measurement lasts.
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

// routedOnce has publishers send to subscribers, and returns the time of a delivery. Queues hold all that is on its way, so that nothing
// is dropped.
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
