package bench_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// BenchmarkBudgets holds the broker and the whole agent against the six targets of the
// design.
func BenchmarkBudgets(b *testing.B) {
	section := report.Section{Title: "Budgets", Text: "The six targets of the design. " +
		"Nominal load is 10,000 messages of 128 B a second from a client that spends a latency budget of 500 µs."}
	all, idle := promises(b), footprints(b, promised)
	for i, p := range all {
		t := budgets(p, idle[i])
		section.Tables = append(section.Tables, t)
		fmt.Print("\n", text(t), "\n") // b.Log would be cut short
		p.lines(b)
		footprintLine(b, promised[i], idle[i])
	}
	document.Put(section)
}

// machineCPU is the processor time of the broker as a share of the whole machine.
var machineCPU = e2e.Quantity{
	Name: "broker CPU at nominal load, of the machine", Text: report.Percent,
	Of: func(o e2e.Outcome) float64 { return o.Broker.Cores() / float64(runtime.NumCPU()) },
}

// budgets is the table of one system.
func budgets(p promise, idle []e2e.Footprint) report.Table {
	name := p.stream.System.Name
	t := report.Table{Title: name, Head: []string{"target", "measured", "verdict", "remark"}, Left: 4}
	line := func(target string, j report.Judgement, remark string) {
		_ = t.Judge(j)
		if j.Why != "" {
			remark = j.Why + "; " + remark
		}
		t.Add(target, j.Measured, j.Verdict.String(), remark)
	}
	const megabyte = 1_000_000
	most := medianFootprint(idle)
	rss := most.RSSWith
	for _, s := range p.series() {
		for _, o := range s.Outcomes {
			rss = max(rss, o.Broker.RSS)
		}
	}
	line("at least 10,000 msg/s", p.rate(), fmt.Sprintf("%d lost", lost(p.stream)))
	line("delivery below 1 ms", delivery(p.nominal), fmt.Sprintf("p99 at nominal load, p50 %s; sent at once p50 %s, p99 %s; %s",
		duration(p.nominal, e2e.LatencyAt(0.5)), duration(p.atOnce, e2e.LatencyAt(0.5)), duration(p.atOnce, e2e.LatencyAt(0.99)), lateness(p.nominal)))
	line("memory below 100 MB", report.Judgement{
		What: name + ": memory", Measured: report.Bytes(rss), Target: "< 100 MB", Verdict: report.MetIf(rss < 100*megabyte),
	}, fmt.Sprintf("largest of stream, nominal load and %d idle connections", idleConnections))
	line("below 1 MB a connection", report.Judgement{
		What: name + ": a connection", Measured: report.Bytes(most.PerConnection()), Target: "< 1 MB", Verdict: report.MetIf(most.PerConnection() < megabyte),
	}, "idle, with a subscription")
	line("CPU below 5 % at nominal load", p.nominal.Judge(machineCPU, 0.05), report.Percent(p.nominal.Median(e2e.BrokerCores))+" of one core")
	line("start below 2 s", judgeStart(p.stream.System, idle, 2*time.Second), "from starting the process to the first connection")
	t.Notes = []string{fmt.Sprintf("Rounds: %d; figures are the medians, memory is the largest of all.", len(p.stream.Outcomes))}
	return t
}
