package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// BenchmarkBudgets holds the broker and the whole agent against the six targets of the design.
func BenchmarkBudgets(b *testing.B) {
	section := report.Section{Title: "Budgets", Text: "The six targets of the design. " +
		"Nominal load is 10,000 messages of 128 B a second from a client that spends a latency budget of 500 µs."}
	for _, s := range promised {
		b.Run("system="+s.Name, func(b *testing.B) {
			var m budgets
			for b.Loop() {
				for range roundsWanted {
					if err := m.measure(b.Context(), s); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			t := m.table()
			t.Title = s.Name
			section.Tables = append(section.Tables, t)
			fmt.Print("\n", text(t), "\n") // b.Log would be cut short
		})
	}
	document.Put(section)
}

// budgets is what is held against the targets, a round each.
type budgets struct {
	stream  []e2e.Outcome
	atOnce  []e2e.Outcome // nominal rate, sent at once
	nominal []e2e.Outcome
	idle    []e2e.Footprint
}

func (m *budgets) measure(ctx context.Context, s e2e.System) error {
	for _, part := range []struct {
		into *[]e2e.Outcome
		spec e2e.Spec
	}{{&m.stream, stream(1, 1, 128)}, {&m.atOnce, steady(0)}, {&m.nominal, steady(nominalBudget)}} {
		o, err := e2e.Run(ctx, s, part.spec)
		if err != nil {
			return err
		}
		*part.into = append(*part.into, o)
	}
	f, err := e2e.Idle(ctx, s, idleConnections, measured)
	m.idle = append(m.idle, f)
	return err
}

func (m budgets) table() report.Table {
	t := report.Table{Head: []string{"target", "measured", "", "remark"}, Left: 4}
	line := func(target, measured string, met bool, remark string) {
		verdict := "missed"
		if met {
			verdict = "met"
		}
		t.Add(target, measured, verdict, remark)
	}
	const megabyte = 1_000_000
	at := func(all []e2e.Outcome, of func(e2e.Outcome) float64) time.Duration {
		return time.Duration(median(all, of))
	}
	nominal := at(m.nominal, e2e.LatencyAt(0.99))
	idle := medianFootprint(m.idle)
	rss := idle.RSSWith
	lost := int64(0)
	for i := range m.stream {
		rss = max(rss, m.stream[i].Broker.RSS, m.nominal[i].Broker.RSS)
		lost += m.stream[i].Lost()
	}
	rate := median(m.stream, e2e.Rate)
	cores := median(m.nominal, e2e.BrokerCores)
	machine := cores / float64(runtime.NumCPU())

	line("at least 10,000 msg/s", report.Count(rate)+" msg/s", rate >= nominalRate && lost == 0, fmt.Sprintf("%d lost", lost))
	line("delivery below 1 ms", "p99 "+report.Duration(nominal), nominal < time.Millisecond,
		fmt.Sprintf("nominal load, p50 %s; sent at once p50 %s, p99 %s; the generator itself was late by %s at p99",
			report.Duration(at(m.nominal, e2e.LatencyAt(0.5))), report.Duration(at(m.atOnce, e2e.LatencyAt(0.5))),
			report.Duration(at(m.atOnce, e2e.LatencyAt(0.99))), report.Duration(at(m.nominal, e2e.LatenessAt(0.99)))))
	line("memory below 100 MB", report.Bytes(rss), rss < 100*megabyte, "largest of stream, nominal load and 64 idle connections")
	line("below 1 MB a connection", report.Bytes(idle.PerConnection()), idle.PerConnection() < megabyte, "idle, with a subscription")
	line("CPU below 5 % at nominal load", report.Percent(machine)+" of the machine", machine < 0.05, report.Percent(cores)+" of one core")
	line("start below 2 s", report.Duration(idle.Start), idle.Start < 2*time.Second, "from starting the process to the first connection")
	t.Notes = []string{fmt.Sprintf("Rounds: %d; figures are the medians, memory is the largest of all.", len(m.stream))}
	return t
}

func text(t report.Table) string {
	var b strings.Builder
	_ = t.Markdown(&b) // a strings.Builder takes everything
	return b.String()
}
