package bench_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/bench/processes"
	"github.com/daemoneye/eventbus/bench/report"
)

// watched are the sources of process events that are measured, each with a burst and with
// a steady load. A round of the steady one lasts as often as long as a measurement.
var watched = []struct {
	source process.Mode
	load   processes.Load
	name   string
}{
	{process.ModeEBPF, processes.Load{Programs: 5000}, "a burst of 5,000"},
	{process.ModeEBPF, processes.Load{PerSecond: 1000}, "at most 1,000/s"},
	{process.ModeNetlink, processes.Load{Programs: 5000}, "a burst of 5,000"},
}

// steadyTimes is how many measurements a round of steady load lasts: 20 s with those of 1 s.
const steadyTimes = 20

// processCores is what agent and collector should stay below, of a core.
const processCores = 0.10

// BenchmarkProcesses shows whether an agent sees every program that is run, and at what
// cost.
func BenchmarkProcesses(b *testing.B) {
	path, err := processes.Build(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	t := report.Table{
		Head: []string{"source", "load", "programs/s", "seen", "with path and arguments", "agent and collector, of a core", "inside of the kernel's programs", "RSS"}, Left: 2,
		Notes: []string{"Every program ends at once. What the kernel's programs take is spent by the programs that are watched, and is for each of them."},
	}
	for _, w := range watched {
		if _, err := process.New(process.Options{Mode: w.source}); errors.Is(err, process.ErrUnavailable) {
			b.Logf("%s is not measured: %v", w.source, err)
			continue
		}
		if w.load.PerSecond > 0 {
			w.load.Programs = int(steadyTimes * measured.Seconds() * float64(w.load.PerSecond))
		} else if measured <= brief {
			w.load.Programs /= 10
		}
		var all []processes.Outcome
		for round := range rounds {
			progress.Begin(fmt.Sprintf("Processes, %s, %s, round %d of %d", w.source, w.name, round+1, rounds))
			o, err := processes.Measure(b.Context(), path, string(w.source), w.load)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, o)
		}
		line(b, fmt.Sprintf("source=%s/rate=%d", w.source, w.load.PerSecond), func(round int) []sample {
			o := &all[round]
			return []sample{
				{o.Rate(), "programs/s"}, {float64(o.Programs - o.Starts), "missed"}, {float64(o.Programs - o.Complete), "incomplete"},
				{o.Cores(), "cores"}, {float64(o.Inside.Nanoseconds()) / float64(o.Programs), "kernel-ns/program"}, {float64(o.RSS), "RSS-B"},
			}
		})
		of := func(f func(o processes.Outcome) float64) float64 { return median(all, f) }
		worst := func(f func(o processes.Outcome) int) string {
			least := f(all[0])
			for _, o := range all {
				least = min(least, f(o))
			}
			return fmt.Sprintf("%d of %d", least, w.load.Programs)
		}
		name := fmt.Sprintf("process events, %s, %s", w.source, w.name)
		every := func(f func(o processes.Outcome) int) bool {
			for _, o := range all {
				if f(o) != o.Programs {
					return false
				}
			}
			return true
		}
		starts := func(o processes.Outcome) int { return min(o.Starts, o.Exits) }
		complete := func(o processes.Outcome) int { return o.Complete }
		cores := of(func(o processes.Outcome) float64 { return o.Cores() })
		seenText := t.Judge(report.Judgement{What: name + ": seen", Measured: worst(starts), Target: "all", Verdict: report.MetIf(every(starts))})
		completeText, coresText, inside := worst(complete), report.Percent(cores), report.Absent
		if w.source == process.ModeEBPF {
			completeText = t.Judge(report.Judgement{What: name + ": with path and arguments", Measured: completeText, Target: "all", Verdict: report.MetIf(every(complete))})
			coresText = t.Judge(report.Judgement{What: name + ": agent and collector, of a core", Measured: coresText, Target: "< 10 %", Verdict: report.MetIf(cores < processCores)})
			inside = report.Duration(time.Duration(of(func(o processes.Outcome) float64 { return float64(o.Inside) / float64(o.Programs) })))
		}
		t.Add(string(w.source), w.name, fmt.Sprintf("%.0f", of(func(o processes.Outcome) float64 { return o.Rate() })), seenText, completeText, coresText, inside,
			report.Bytes(int64(of(func(o processes.Outcome) float64 { return float64(o.RSS) }))))
	}
	document.Put(report.Section{Title: "Process events", Text: "An agent with its collector of processes, and a subscriber of all events, while programs are run one after the other.", Tables: []report.Table{t}})
}
