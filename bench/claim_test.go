package bench_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// promise is what a system has shown of the two first promises of the design, a round
// each: 10,000 messages a second, and less than a millisecond.
type promise struct {
	stream  e2e.Series // as fast as it goes
	atOnce  e2e.Series // nominal rate, sent at once
	nominal e2e.Series // nominal rate with a latency budget
}

// promises measures all systems that promise something, in turn.
func promises(b *testing.B) []promise {
	all := make([]promise, len(promised))
	for i, s := range promised {
		all[i] = promise{
			stream:  e2e.Series{Entry: e2e.Entry{System: s, Spec: stream(1, 1, 128)}},
			atOnce:  e2e.Series{Entry: e2e.Entry{System: s, Spec: steady(0)}},
			nominal: e2e.Series{Entry: e2e.Entry{System: s, Spec: steady(nominalBudget)}},
		}
	}
	for round := range rounds {
		for i := range all {
			for _, s := range all[i].series() {
				progress.Begin(fmt.Sprintf("%s, %s, %s, round %d of %d",
					strings.TrimPrefix(b.Name(), "Benchmark"), s.Label(), s.Spec, round+1, rounds))
				if err := again(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return all
}

func (p *promise) series() []*e2e.Series { return []*e2e.Series{&p.stream, &p.atOnce, &p.nominal} }

// again measures one more round of a series.
func again(ctx context.Context, s *e2e.Series) error {
	o, err := e2e.Run(ctx, s.System, s.Spec)
	s.Outcomes = append(s.Outcomes, o)
	return err
}

// lines reports each round of each load.
func (p *promise) lines(b *testing.B) {
	for _, s := range p.series() {
		line(b, s.Spec.Keys()+"/"+s.Spec.BudgetKey()+"/system="+s.System.Name, func(round int) []sample {
			o := s.Outcomes[round]
			if s.Spec.Rate == 0 {
				return []sample{{o.Rate, e2e.Deliveries.Unit}}
			}
			p50, p99 := e2e.Latency(0.5), e2e.Latency(0.99)
			return []sample{{p50.Of(o), p50.Unit}, {p99.Of(o), p99.Unit}, {o.Broker.Cores(), e2e.BrokerCPU.Unit}}
		})
	}
}

// rate holds the throughput against the promise. Within its window nothing may be lost.
func (p *promise) rate() report.Judgement {
	j := p.stream.Judge(e2e.Deliveries, nominalRate)
	if n := lost(p.stream); n > 0 {
		j.Verdict, j.Why = report.Missed, fmt.Sprintf("%d lost", n)
	}
	return j
}

// delivery holds the 99th percentile of an open loop against the promise. It has no
// window: where a subscriber gets no processor for a tenth of a second, its queue
// overflows.
func delivery(s e2e.Series) report.Judgement {
	j := s.Judge(e2e.Latency(0.99), float64(time.Millisecond))
	if n := lost(s); n > 0 {
		j.Verdict, j.Why = report.Missed, fmt.Sprintf("%d lost", n)
		if why, crowded := s.Crowded(); crowded {
			j.Verdict, j.Why = report.NotMeasurable, j.Why+"; "+why
		}
	}
	return j
}

// lost is how many messages did not come.
func lost(s e2e.Series) int64 {
	var n int64
	for _, o := range s.Outcomes {
		n += o.Lost()
	}
	return n
}

// lateness describes how late the generator itself was.
func lateness(s e2e.Series) string {
	return fmt.Sprintf("the generator itself was late by %s at p99", duration(s, e2e.OwnLatenessAt(0.99)))
}

func duration(s e2e.Series, of func(e2e.Outcome) float64) string {
	return report.Duration(time.Duration(s.Median(of)))
}

// BenchmarkClaim measures the two first promises alone, and fails when one is missed.
func BenchmarkClaim(b *testing.B) {
	t := report.Table{Head: []string{"system", "promise", "measured", "verdict", "remark"}, Left: 5}
	for _, p := range promises(b) {
		add := func(what string, j report.Judgement, remark string) {
			_ = t.Judge(j)
			if j.Why != "" {
				remark = j.Why
			}
			t.Add(p.stream.System.Name, what, j.Measured, j.Verdict.String(), remark)
			if j.Verdict == report.Missed {
				b.Errorf("%s: %s, %s: %s", j.What, j.Measured, j.Target, remark)
			}
		}
		add("at least 10,000 msg/s of 128 B", p.rate(), fmt.Sprintf("%d lost", lost(p.stream)))
		for _, s := range []e2e.Series{p.atOnce, p.nominal} {
			what := "10,000 msg/s, each sent at once: p99 below 1 ms"
			if s.Spec.Budget > 0 {
				what = "10,000 msg/s, latency budget 500 µs: p99 below 1 ms"
			}
			add(what, delivery(s), fmt.Sprintf("p50 %s; %s", duration(s, e2e.LatencyAt(0.5)), lateness(s)))
		}
		p.lines(b)
	}
	t.Notes = []string{fmt.Sprintf("Medians of %d rounds of %v. Publisher, broker and subscriber are processes; the time is that from when a message was due.", rounds, measured)}
	fmt.Print("\n", text(t), "\n") // b.Log would be cut short
}
