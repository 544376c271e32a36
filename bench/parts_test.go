package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/report"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// BenchmarkParts shows what the parts cost by themselves, and holds the ring against
// what it should reach.
func BenchmarkParts(b *testing.B) {
	var names []string
	for _, p := range parts {
		names = append(names, p.keys())
	}
	for _, fan := range fans {
		names = append(names, routedKeys(fan))
	}
	var f partFigures
	f.ns = make(map[string][]float64)
	for round := range rounds {
		progress.Begin(fmt.Sprintf("Parts, round %d of %d", round+1, rounds))
		if err := f.measure(b); err != nil {
			b.Fatal(err)
		}
	}
	t := report.Table{Head: []string{"part", "what", "ns each", "million/s", "× channel", "target"}, Left: 2}
	for _, name := range names {
		part, what, _ := strings.Cut(strings.TrimPrefix(name, "part="), "/what=")
		each := f.median(name)
		against, cell := "", ""
		if aim, has := ringAims[name]; has {
			j := f.judge(name, aim)
			_ = t.Judge(j)
			against, cell = aim.ratio(&f, name), j.Target+" "+j.Verdict.String()
		}
		t.Add(part, what, fmt.Sprintf("%.2f", each), fmt.Sprintf("%.1f", 1e3/each), against, cell)
		line(b, name, func(round int) []sample { return []sample{{f.ns[name][round], "ns/element"}} })
	}
	t.Notes = []string{fmt.Sprintf("Medians of %d. Ring elements are 64 bits wide, the capacity is 1024. Streaming is between two goroutines, and the consumer "+
		"adds up what it gets; × channel is in speed there, and in time for push+pop. Router: 128 B, from in-process publishers through the routing thread to "+
		"in-process handlers.", rounds)}
	document.Put(report.Section{Title: "Parts", Text: "What the parts cost by themselves, in one process.", Tables: []report.Table{t}})
}

// partFigures are nanoseconds an element by part, a round each.
type partFigures struct {
	ns      map[string][]float64
	crowded int // rounds in which others had too much of the machine
	rounds  int
}

// measure measures each part once.
func (f *partFigures) measure(b *testing.B) error {
	watch := proc.StartWatch()
	for _, p := range parts {
		f.ns[p.keys()] = append(f.ns[p.keys()], perElement(p.run))
	}
	for _, fan := range fans {
		ns, err := routed(b.Context(), fan[0], fan[1])
		if err != nil {
			return err
		}
		f.ns[routedKeys(fan)] = append(f.ns[routedKeys(fan)], ns)
	}
	f.rounds++
	if share, known := watch.Stop().Others(0); known && share > e2e.CrowdedFrom {
		f.crowded++
	}
	return nil
}

func (f *partFigures) median(name string) float64 {
	return median(f.ns[name], func(v float64) float64 { return v })
}

// ringAim is what a part of the ring should reach: a share of a channel's time at most,
// a multiple of its speed at least, or a time.
type ringAim struct {
	channel    string // the part to compare with
	share      float64
	speed      float64
	nanosecond float64
}

const (
	channelTurn   = "part=channel/what=send+receive"
	channelStream = "part=channel/what=stream"
)

var ringAims = map[string]ringAim{
	"part=ring/what=push+pop":        {channel: channelTurn, share: 0.4},
	"part=ring/what=stream/batch=1":  {channel: channelStream, speed: bus.RingSinglyAim},
	"part=ring/what=stream/batch=16": {channel: channelStream, speed: 15},
	"part=ring/what=stream/batch=64": {channel: channelStream, speed: bus.RingBy64Aim},
	"part=ring/what=evict/batch=1":   {nanosecond: 10},
	"part=ring/what=evict/batch=64":  {nanosecond: 1},
}

func (a ringAim) ratio(f *partFigures, name string) string {
	switch {
	case a.share > 0:
		return fmt.Sprintf("%.2f", f.median(name)/f.median(a.channel))
	case a.speed > 0:
		return fmt.Sprintf("%.1f", f.median(a.channel)/f.median(name))
	}
	return ""
}

// judge holds a part against its aim. On a crowded machine two goroutines take turns on
// a core, so nothing that compares them is measurable.
func (f *partFigures) judge(name string, a ringAim) report.Judgement {
	ns := f.median(name)
	j := report.Judgement{What: strings.NewReplacer("part=", "", "/what=", ", ").Replace(name), Measured: a.ratio(f, name)}
	switch {
	case a.share > 0:
		j.What += ": × channel's time"
		j.Target, j.Verdict = fmt.Sprintf("≤ %.1f", a.share), report.MetIf(ns <= a.share*f.median(a.channel))
	case a.speed > 0:
		j.What += ": × channel's speed"
		j.Target, j.Verdict = fmt.Sprintf("≥ %.0f", a.speed), report.MetIf(a.speed*ns <= f.median(a.channel))
	default:
		j.Measured = fmt.Sprintf("%.2f ns", ns)
		j.Target, j.Verdict = fmt.Sprintf("< %.0f ns", a.nanosecond), report.MetIf(ns < a.nanosecond)
		if j.Verdict == report.Met {
			return j // a crowded machine makes it longer, and never shorter
		}
	}
	if f.crowded > 0 && 2*f.crowded >= f.rounds {
		j.Verdict, j.Why = report.NotMeasurable, fmt.Sprintf("others took too much of the machine in %d of %d rounds", f.crowded, f.rounds)
	}
	return j
}

// part is something to measure: run does n elements.
type part struct {
	part, what string
	run        func(n int)
}

// keys names the part for a benchmark.
func (p part) keys() string { return "part=" + p.part + "/what=" + p.what }

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
	{"ring", "stream/batch=1", func(n int) { streamRing(n, 1) }},
	{"ring", "stream/batch=16", func(n int) { streamRing(n, 16) }},
	{"ring", "stream/batch=64", func(n int) { streamRing(n, 64) }},
	{"channel", "stream", streamChannel},
	{"locked", "stream", streamLocked},
	{"ring", "evict/batch=1", func(n int) {
		r := ring.New[uint64](capacity)
		for range n {
			r.Push(1)
		}
	}},
	{"ring", "evict/batch=64", func(n int) {
		r := ring.New[uint64](capacity)
		vs, out := make([]uint64, 64), make([]uint64, 0, 64)
		for range n / 64 {
			out = r.PushBatch(vs, out[:0])
		}
	}},
	{"frame", "append/size=128", func(n int) {
		t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Topic: "events.bench"})
		if err != nil {
			panic(err) // the fields are constants
		}
		payload, dst := make([]byte, 128), make([]byte, 0, 4096)
		for i := range n {
			dst = t.Append(dst[:0], uint64(i), 0, nil, payload)
		}
	}},
	{"frame", "decode+stamp/size=128", func(n int) {
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

// perElement runs f with more and more elements until it takes long enough, and
// returns the time of one in nanoseconds.
func perElement(f func(n int)) float64 {
	for n := 1 << 14; ; n *= 4 {
		start := time.Now()
		f(n)
		if took := time.Since(start); took >= measured/5 {
			return float64(took) / float64(n)
		}
	}
}
