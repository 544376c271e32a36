package bench_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/detection"
	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/report"
)

// detecting are the agents of a round: without detection, and with so many rules.
var detecting = []detection.Case{{Off: true}, {}, {Rules: 500, Silent: true}, {Rules: 500}, {Rules: 1000}}

// What detection should stay below: of a core with 500 rules at nominal load, from an
// event to its published alert beyond what the disk takes, and with 1,000 rules.
const (
	detectionCores = 0.025
	detectionRSS   = 100_000_000
	detectionStart = 500 * time.Millisecond
	alertP50       = time.Millisecond
	alertP99       = 5 * time.Millisecond
)

// BenchmarkDetection shows what rules cost an agent under nominal load, and how long an
// alert takes.
func BenchmarkDetection(b *testing.B) {
	all := make([][]detection.Outcome, len(detecting))
	for round := range rounds {
		for i, c := range detecting {
			progress.Begin(fmt.Sprintf("Detection, %v, round %d of %d", c, round+1, rounds))
			o, err := detection.Measure(b.Context(), c, 4*measured)
			if err != nil {
				b.Fatal(err)
			}
			if c.Alerts() != (o.Alerts > 0) {
				b.Errorf("%v: %d alerts came", c, o.Alerts)
			}
			all[i] = append(all[i], o)
		}
	}
	t := report.Table{
		Head: []string{"rules", "agent, of a core", "detection, of a core", "alert p50", "p99", "disk p50", "p99", "alert beyond p50", "p99", "RSS without load", "start to ready"}, Left: 1,
		Notes: []string{"Detection is the difference to the agent without it in the same round: what it takes of events stands in the row without alerts, that of the broker for one subscriber more included. An alert is published when it is durable: its latency has a sync of the disk and the latency budget in it. The disk's own is to append a line and to sync it, in the same directory before and after the load; beyond is what is left of a quantile without the budget and without the same quantile of the disk. Where other programs write to the disk it may be below zero."},
	}
	for i, c := range detecting {
		keys := "rules=" + strconv.Itoa(c.Rules)
		switch {
		case c.Off:
			keys = "rules=off"
		case c.Silent:
			keys += "/alerts=none"
		}
		more := func(o *detection.Outcome, round int) float64 { return o.Cores() - all[0][round].Cores() }
		line(b, keys, func(round int) []sample {
			o := &all[i][round]
			return []sample{
				{o.Cores(), "agent-cores"}, {more(o, round), "detection-cores"}, {float64(o.Latency.Quantile(0.5)), "p50-ns"},
				{float64(o.Latency.Quantile(0.99)), "p99-ns"}, {float64(o.Disk.Quantile(0.5)), "disk-p50-ns"}, {float64(o.Disk.Quantile(0.99)), "disk-p99-ns"},
				{float64(o.RSS), "RSS-B"}, {float64(o.Start), "start-ns"},
			}
		})
		extra := make([]float64, rounds)
		for round := range rounds {
			extra[round] = more(&all[i][round], round)
		}
		of := func(f func(*detection.Outcome) float64) float64 {
			return median(all[i], func(o detection.Outcome) float64 { return f(&o) })
		}
		cores, rss, start := report.Percent(median(extra, func(v float64) float64 { return v })), of(func(o *detection.Outcome) float64 { return float64(o.RSS) }), time.Duration(of(func(o *detection.Outcome) float64 { return float64(o.Start) }))
		rssText, startText := report.Bytes(int64(rss)), report.Duration(start)
		quantile := func(h func(*detection.Outcome) *load.Histogram, q float64) string {
			return report.Duration(time.Duration(of(func(o *detection.Outcome) float64 { return float64(h(o).Quantile(q)) })))
		}
		beyond := func(q float64) time.Duration {
			return time.Duration(of(func(o *detection.Outcome) float64 { return float64(o.Beyond(q)) }))
		}
		latency, disk := func(o *detection.Outcome) *load.Histogram { return &o.Latency }, func(o *detection.Outcome) *load.Histogram { return &o.Disk }
		p50, p99, over50, over99 := report.Absent, report.Absent, report.Absent, report.Absent
		if c.Alerts() {
			p50, p99 = quantile(latency, 0.5), quantile(latency, 0.99)
			over50, over99 = report.Duration(beyond(0.5)), report.Duration(beyond(0.99))
		}
		switch c {
		case detection.Case{Rules: 500, Silent: true}:
			share := median(extra, func(v float64) float64 { return v })
			cores = t.Judge(report.Judgement{What: "detection with 500 rules, of a core", Measured: cores, Target: "≤ 2.5 %", Verdict: report.MetIf(share <= detectionCores)})
		case detection.Case{Rules: 500}:
			over50 = t.Judge(report.Judgement{What: "alert with 500 rules, p50 beyond budget and disk", Measured: over50, Target: "< 1 ms", Verdict: report.MetIf(beyond(0.5) < alertP50)})
			over99 = t.Judge(report.Judgement{What: "alert with 500 rules, p99 beyond budget and disk", Measured: over99, Target: "< 5 ms", Verdict: report.MetIf(beyond(0.99) < alertP99)})
		case detection.Case{Rules: 1000}:
			rssText = t.Judge(report.Judgement{What: "agent with 1,000 rules, memory", Measured: rssText, Target: "< 100 MB", Verdict: report.MetIf(rss < detectionRSS)})
			startText = t.Judge(report.Judgement{What: "agent with 1,000 rules, start to ready", Measured: startText, Target: "< 500 ms", Verdict: report.MetIf(start < detectionStart)})
		}
		t.Add(c.String(), report.Percent(of(func(o *detection.Outcome) float64 { return o.Cores() })), cores, p50, p99, quantile(disk, 0.5), quantile(disk, 0.99), over50, over99, rssText, startText)
	}
	document.Put(report.Section{Title: "Detection", Text: "An agent with rules takes 10,000 events a second over its socket, of which ten match, but for one row.", Tables: []report.Table{t}})
}
