package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// eventLateness is how late the generator may be at p99 for the latency to count, and
// eventCPU the share of the machine that the broker should stay below.
const (
	eventLateness = 200 * time.Microsecond
	eventCPU      = 0.05
)

// BenchmarkEvents is nominal load with messages as long as events are, from one publisher
// to one subscriber.
func BenchmarkEvents(b *testing.B) {
	spec := steady(nominalBudget)
	spec.Size = eventSize
	all := make([]e2e.Series, len(promised))
	for i, s := range promised {
		all[i] = e2e.Series{Entry: e2e.Entry{System: s, Spec: spec}}
	}
	for round := range rounds {
		for i := range all {
			progress.Begin(fmt.Sprintf("Events, %s, %s, round %d of %d", all[i].Label(), spec, round+1, rounds))
			if err := again(b.Context(), &all[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	t := report.Table{
		Head: []string{"system", "size", "p50", "p99", "generator late by, p99", "broker, of the machine", "lost"}, Left: 1,
		Notes: []string{fmt.Sprintf("Where the generator itself is late by more than %v, the latency is not measurable.", eventLateness)},
	}
	for _, s := range all {
		late := time.Duration(s.Median(e2e.OwnLatenessAt(0.99)))
		j := delivery(s)
		if j.Verdict != report.Met && late > eventLateness {
			j.Verdict, j.Why = report.NotMeasurable, lateness(s)
		}
		t.Add(s.Label(), report.Bytes(int64(spec.Size)), duration(s, e2e.LatencyAt(0.5)), t.Judge(j), report.Duration(late), t.Judge(s.Judge(machineCPU, eventCPU)), fmt.Sprint(lost(s)))
		line(b, s.Spec.Keys()+"/"+s.Spec.BudgetKey()+"/system="+s.System.Name, func(round int) []sample {
			o := s.Outcomes[round]
			p50, p99 := e2e.Latency(0.5), e2e.Latency(0.99)
			return []sample{{p50.Of(o), p50.Unit}, {p99.Of(o), p99.Unit}, {e2e.OwnLatenessAt(0.99)(o), "late-p99-ns"}, {o.Broker.Cores(), e2e.BrokerCPU.Unit}}
		})
	}
	fmt.Print("\n", text(t), "\n") // b.Log would be cut short
	document.Put(report.Section{Title: "Events", Text: "10,000 messages a second of the size of events, from one publisher to one subscriber.", Tables: []report.Table{t}})
}
