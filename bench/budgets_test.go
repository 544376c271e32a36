package bench_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// BenchmarkBudgets holds what is examined against the six targets of the design.
func BenchmarkBudgets(b *testing.B) {
	if len(examined()) == 0 {
		b.Skip("the targets are for a broker, and only floors take part")
	}
	section := report.Section{Title: "Budgets", Text: "The six targets of the design. " +
		"Nominal load is 10,000 messages of 128 B a second from a client that spends a latency budget of 500 µs."}
	for _, s := range examined() {
		b.Run("system="+s.Name, func(b *testing.B) {
			var t report.Table
			for b.Loop() {
				m, err := measureBudgets(b, s)
				if err != nil {
					b.Fatal(err)
				}
				t = m.table()
			}
			b.ReportMetric(0, "ns/op")
			t.Title = s.Name
			section.Tables = append(section.Tables, t)
			b.Log("\n" + text(t))
		})
	}
	document.Put(section)
}

// budgets is what is held against the targets.
type budgets struct {
	stream  e2e.Outcome
	prompt  e2e.Outcome // nominal rate, sent at once
	nominal e2e.Outcome
	idle    e2e.Footprint
}

func measureBudgets(b *testing.B, s e2e.System) (m budgets, err error) {
	ctx := b.Context()
	if m.stream, err = e2e.Run(ctx, s, stream(1, 1, 128)); err != nil {
		return m, err
	}
	if m.prompt, err = e2e.Run(ctx, s, steady(0)); err != nil {
		return m, err
	}
	if m.nominal, err = e2e.Run(ctx, s, steady(nominalBudget)); err != nil {
		return m, err
	}
	m.idle, err = e2e.Idle(ctx, s, idleConnections, measured)
	return m, err
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
	prompt, nominal := m.prompt.Latency.Quantile(0.99), m.nominal.Latency.Quantile(0.99)
	rss := max(m.stream.Broker.RSS, m.nominal.Broker.RSS, m.idle.RSSWith)
	cores := m.nominal.Broker.Cores()
	machine := cores / float64(runtime.NumCPU())

	line("at least 10,000 msg/s", report.Count(m.stream.Rate)+" msg/s", m.stream.Rate >= nominalRate && m.stream.Lost() == 0,
		fmt.Sprintf("%d lost", m.stream.Lost()))
	line("delivery below 1 ms", "p99 "+report.Duration(nominal), nominal < time.Millisecond,
		fmt.Sprintf("nominal load, p50 %s; sent at once p50 %s, p99 %s; the generator itself was late by %s at p99",
			report.Duration(m.nominal.Latency.Quantile(0.5)), report.Duration(m.prompt.Latency.Quantile(0.5)), report.Duration(prompt),
			report.Duration(m.nominal.Lateness.Quantile(0.99))))
	line("memory below 100 MB", report.Bytes(rss), rss < 100*megabyte, "largest of stream, nominal load and 64 idle connections")
	line("below 1 MB a connection", report.Bytes(m.idle.PerConnection()), m.idle.PerConnection() < megabyte, "idle")
	line("CPU below 5 % at nominal load", report.Percent(machine)+" of the machine", machine < 0.05, report.Percent(cores)+" of one core")
	line("start below 2 s", report.Duration(m.idle.Start), m.idle.Start < 2*time.Second, "from starting the process to the first connection")
	return t
}

func text(t report.Table) string {
	var b strings.Builder
	_ = t.Markdown(&b) // a strings.Builder takes everything
	return b.String()
}
