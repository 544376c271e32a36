package main

import (
	"context"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/report"
)

// plan lists the steps, and with them the rows in the order of the table.
func (j *job) plan() {
	for _, fan := range [][2]int{{1, 1}, {1, 4}, {4, 4}} {
		for _, size := range []int{128, 1024, 16384} {
			r := j.row("throughput", fmt.Sprintf("%s %d→%d", report.Bytes(int64(size)), fan[0], fan[1]), e2e.Deliveries)
			spec := j.stream(fan[0], fan[1], size, 0)
			r.bench = "Throughput/" + spec.Keys()
			r.aim = bus.RateAim(fan[0], fan[1], size)
			j.runs(r.name, spec, floor.Batched(), []*row{r}, e2e.Deliveries)
		}
	}
	j.steady()
	j.budgets()
	j.idle()
	j.parts()
}

// stream measures throughput, with a bounded window of messages.
func (j *job) stream(publishers, subscribers, size int, budget time.Duration) e2e.Spec {
	return e2e.Spec{
		Publishers: publishers, Subscribers: subscribers, Size: size, Window: e2e.DefaultWindow(size), Budget: budget,
		Warmup: j.each / 3, Measured: j.each,
	}
}

// steady plans the open loop of 10,000 messages a second, at once and with a budget.
func (j *job) steady() {
	quantities := []e2e.Quantity{e2e.Latency(0.5), e2e.Latency(0.99), e2e.BrokerCPU}
	for _, c := range []struct {
		name   string
		budget time.Duration
		floor  e2e.System
		aims   []float64
	}{
		{"10,000 msg/s at once", 0, floor.Usual(), []float64{bus.SteadyAim.P50, bus.SteadyAim.P99, bus.SteadyAim.CPU}},
		{"10,000 msg/s, budget 500 µs", budget, e2e.System{}, []float64{float64(bus.BudgetedAim.Below), 0, 0}},
	} {
		spec := e2e.Spec{
			Publishers: 1, Subscribers: 1, Size: 128, Rate: 10_000, Budget: c.budget,
			Warmup: j.each / 3, Measured: 2 * j.each, // a tail needs more messages than a rate does
		}
		var rows []*row
		for i, q := range quantities {
			r := j.row("open loop", c.name+", "+q.Name, q)
			r.bench = "Latency/" + spec.Keys() + "/" + spec.BudgetKey()
			r.aim = c.aims[i]
			rows = append(rows, r)
		}
		j.runs(c.name, spec, c.floor, rows, quantities...)
	}
}

// budgets plans streams of large messages with a latency budget and without.
func (j *job) budgets() {
	for _, size := range []int{2048, 16384} {
		bytes := report.Bytes(int64(size))
		streams := func(name string, budget time.Duration) *row {
			r := j.row("stream 1→1", bytes+", "+name, e2e.Deliveries)
			spec := j.stream(1, 1, size, budget)
			r.bench = "BudgetStreams/" + spec.Keys() + "/" + spec.BudgetKey()
			j.runs(r.group+", "+r.name, spec, e2e.System{}, []*row{r}, e2e.Deliveries)
			return r
		}
		without, with := streams("no budget", 0), streams("budget 500 µs", budget)
		share := &row{
			group: "stream 1→1", name: bytes + ", with budget / without", text: ratio, more: true,
			aim: bus.BudgetAim, bench: "BudgetStreams/" + j.stream(1, 1, size, 0).Keys(), unit: "x-without-budget",
		}
		j.rows = append(j.rows, share)
		j.derive(share, with, without)
	}
}

// derive plans a row that is the ratio of two others that are measured before it.
func (j *job) derive(r, of, to *row) {
	j.steps = append(j.steps, step{name: r.name, run: func(_ context.Context, round int) {
		s := nothing()
		for place := range s.value {
			s.value[place] = of.rounds[round].value[place] / to.rounds[round].value[place]
		}
		s.crowded = of.rounds[round].crowded || to.rounds[round].crowded
		r.rounds = append(r.rounds, s)
	}})
}

// idle plans what a connection costs that is idle, and a broker with many of them.
func (j *job) idle() {
	const connections = 256 // see package bench
	bytes := func(v float64) string { return report.Bytes(int64(v)) }
	each := &row{group: "idle", name: "a connection with a subscription", bench: "Idle", unit: "B/conn", aim: bus.ConnectionAim, text: bytes}
	all := &row{group: "idle", name: fmt.Sprintf("memory with %d of them", connections), bench: "Idle", unit: "RSS-B", free: true, text: bytes}
	j.rows = append(j.rows, each, all)
	j.steps = append(j.steps, step{name: "idle", runs: 2, run: func(ctx context.Context, _ int) {
		one, with := nothing(), nothing()
		for _, place := range []int{atBase, atHead} {
			j.try(ctx, "idle", place, func() error {
				f, err := e2e.Idle(ctx, j.system(bus.System(), place), connections, j.each/2)
				if err == nil {
					one.value[place], with.value[place] = float64(f.PerConnection()), float64(f.RSSWith)
				}
				return err
			})
		}
		each.rounds, all.rounds = append(each.rounds, one), append(all.rounds, with)
	}})
}

// parts plans what the programs measure of their parts.
func (j *job) parts() {
	ns := func(v float64) string { return fmt.Sprintf("%.2f ns", v) }
	direct := []*row{
		{group: "part", name: "ring, one by one", bench: "Parts/" + ringSingly},
		{group: "part", name: "ring, by 64", bench: "Parts/" + ringBy64},
		{group: "part", name: "ring, push and pop", bench: "Parts/" + ringPushPop},
		{group: "part", name: "routing in process, 1→1", bench: "Parts/" + routed1to1},
		{group: "part", name: "routing in process, 1→4", bench: "Parts/" + routed1to4},
	}
	for _, r := range direct {
		r.unit, r.text, r.free = "ns/element", ns, true
	}
	const speed = " × channel's speed"
	ratios := []struct {
		*row
		of, to string
	}{
		{&row{group: "ring", name: "one by one" + speed, aim: bus.RingSinglyAim, bench: "Parts/" + ringSingly}, channelStream, ringSingly},
		{&row{group: "ring", name: "by 64" + speed, aim: bus.RingBy64Aim, bench: "Parts/" + ringBy64}, channelStream, ringBy64},
		{&row{group: "ring", name: "push and pop" + speed, bench: "Parts/" + ringPushPop}, channelSend, ringPushPop},
	}
	for _, r := range ratios {
		r.unit, r.text, r.more = "x-channel", ratio, true
		j.rows = append(j.rows, r.row)
	}
	j.rows = append(j.rows, direct...)
	j.steps = append(j.steps, step{name: "parts", runs: 2, run: func(ctx context.Context, _ int) {
		var all [places]map[string]float64
		crowded := false
		for _, place := range []int{atBase, atHead} {
			j.try(ctx, "parts", place, func() error {
				parts, others, err := runParts(ctx, j.side(place).program)
				all[place], crowded = parts, crowded || others > e2e.CrowdedFrom
				return err
			})
		}
		for _, r := range direct {
			s := nothing()
			s.crowded = crowded
			for place, parts := range all {
				if v, ok := parts[r.bench[len("Parts/"):]]; ok {
					s.value[place] = v
				}
			}
			r.rounds = append(r.rounds, s)
		}
		for _, r := range ratios {
			s := nothing()
			s.crowded = crowded
			for place, parts := range all {
				if parts[r.of] > 0 && parts[r.to] > 0 {
					s.value[place] = parts[r.of] / parts[r.to]
				}
			}
			r.rounds = append(r.rounds, s)
		}
	}})
}
