package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/report"
)

const us = time.Microsecond

// round makes up an outcome: a latency of all messages, the generator's own lateness,
// and the share of two cores that others had.
func round(latency, own time.Duration, rate, others float64) e2e.Outcome {
	h, late := new(load.Histogram), new(load.Histogram)
	h.Record(latency)
	late.Record(own)
	const wall, tick = time.Second, 10 * time.Millisecond
	return e2e.Outcome{
		Rate: rate, Latency: h, Own: late,
		Broker:     proc.Usage{Wall: wall, CPU: 300 * time.Millisecond},
		Publishers: []proc.Usage{{Wall: wall, CPU: 200 * time.Millisecond}},
		Machine: proc.Machine{
			Known: true, Cores: 2, Wall: wall, Busy: 500*time.Millisecond + 2*tick + time.Duration(others*2*float64(wall)),
		},
	}
}

func series(s e2e.System, rounds ...e2e.Outcome) e2e.Series {
	return e2e.Series{Entry: e2e.Entry{System: s, Spec: e2e.Spec{Publishers: 1, Subscribers: 1, Size: 128}}, Outcomes: rounds}
}

func TestATargetIsMetMissedOrNotMeasurable(t *testing.T) {
	p50 := e2e.Latency(0.5)
	for _, c := range []struct {
		name   string
		rounds []e2e.Outcome
		of     e2e.Quantity
		target float64
		want   report.Verdict
		why    string
	}{
		{"fast enough", []e2e.Outcome{round(100*us, 0, 1, 0)}, p50, float64(200 * us), report.Met, ""},
		{"fast enough, though others worked and the generator was late", []e2e.Outcome{round(100*us, 90*us, 1, 0.5)}, p50, float64(200 * us), report.Met, ""},
		{"too slow", []e2e.Outcome{round(300*us, 50*us, 1, 0)}, p50, float64(200 * us), report.Missed, ""},
		{"too slow by no more than the generator was late", []e2e.Outcome{round(300*us, 120*us, 1, 0)}, p50, float64(200 * us), report.NotMeasurable, "late by 120 µs"},
		{"too slow while others worked", []e2e.Outcome{round(300*us, 0, 1, 0.25)}, p50, float64(200 * us), report.NotMeasurable, "25.0 % of the machine in 1 of 1"},
		{"too slow, others worked a little", []e2e.Outcome{round(300*us, 0, 1, 0.09)}, p50, float64(200 * us), report.Missed, ""},
		{"others worked in one round of three", []e2e.Outcome{round(300*us, 0, 1, 0.9), round(300*us, 0, 1, 0), round(300*us, 0, 1, 0)},
			p50, float64(200 * us), report.Missed, ""},
		{"others worked in two rounds of four", []e2e.Outcome{round(300*us, 0, 1, 0.9), round(300*us, 0, 1, 0.2), round(300*us, 0, 1, 0), round(300*us, 0, 1, 0)},
			p50, float64(200 * us), report.NotMeasurable, "up to 90.0 % of the machine in 2 of 4"},
		{"much", []e2e.Outcome{round(us, 0, 20e3, 0.5)}, e2e.Deliveries, 10e3, report.Met, ""},
		{"little", []e2e.Outcome{round(us, us, 9e3, 0)}, e2e.Deliveries, 10e3, report.Missed, ""},
		{"little while others worked", []e2e.Outcome{round(us, 0, 9e3, 0.2)}, e2e.Deliveries, 10e3, report.NotMeasurable, "others took"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := series(plain, c.rounds...).Judge(c.of, c.target)
			if j.Verdict != c.want || c.why == "" && j.Why != "" || !strings.Contains(j.Why, c.why) {
				t.Errorf("%s, because %q; want %s, because of %q", j, j.Why, c.want, c.why)
			}
		})
	}
}

func TestARatioIsNotMeasurableWhenTheMachineWasCrowdedOrTheGeneratorLate(t *testing.T) {
	p50 := e2e.Latency(0.5)
	for _, c := range []struct {
		name     string
		v, floor e2e.Outcome
		of       e2e.Quantity
		target   float64
		want     report.Verdict
		why      string
	}{
		{"met", round(60*us, 2*us, 1, 0), round(100*us, 2*us, 1, 0), p50, 0.7, report.Met, ""},
		{"missed", round(80*us, 2*us, 1, 0), round(100*us, 2*us, 1, 0), p50, 0.7, report.Missed, ""},
		{"met, while others worked beside the floor", round(60*us, 0, 1, 0), round(100*us, 0, 1, 0.2), p50, 0.7, report.NotMeasurable, "relay-plain: others"},
		{"missed, while others worked", round(80*us, 0, 1, 0.2), round(100*us, 0, 1, 0), p50, 0.7, report.NotMeasurable, "lossy: others"},
		{"missed, but met without the lateness", round(110*us, 90*us, 1, 0), round(140*us, 90*us, 1, 0), p50, 0.7, report.NotMeasurable, "late by 90 µs"},
		{"met, but missed without the lateness at the floor", round(60*us, 0, 1, 0), round(100*us, 30*us, 1, 0), p50, 0.7, report.NotMeasurable, "30 µs at the floor"},
		{"nothing but lateness at the floor", round(60*us, 0, 1, 0), round(100*us, 100*us, 1, 0), p50, 0.7, report.NotMeasurable, "100 µs at the floor"},
		{"rate met", round(us, us, 90, 0), round(us, 0, 100, 0), e2e.Deliveries, 0.85, report.Met, ""},
		{"rate missed", round(us, us, 80, 0), round(us, 0, 100, 0), e2e.Deliveries, 0.85, report.Missed, ""},
		{"rate without a target", round(us, us, 80, 0.9), round(us, 0, 100, 0), e2e.Deliveries, 0, report.NoTarget, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := series(lossy, c.v)
			j := e2e.Comparison{Floor: plain.Name, Series: []e2e.Series{series(plain, c.floor), s}}.Judge(s, c.of, c.target)
			if j.Verdict != c.want || c.why == "" && j.Why != "" || !strings.Contains(j.Why, c.why) {
				t.Errorf("%s, because %q; want %s, because of %q", j, j.Why, c.want, c.why)
			}
		})
	}
}

// A machine that does not show what its processors do is no reason for a verdict.
func TestAnUnknownMachineIsNotCrowded(t *testing.T) {
	o := round(300*us, 0, 1, 0.9)
	o.Machine.Known = false
	if j := series(plain, o).Judge(e2e.Latency(0.5), float64(200*us)); j.Verdict != report.Missed {
		t.Errorf("%s, because %q", j, j.Why)
	}
}

// A measurement watches the machine for as long as it measures, and its own processes
// are not others.
func TestARunKnowsWhatTheMachineDid(t *testing.T) {
	spec := brief(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000})
	var out e2e.Outcome
	for range 20 { // on a machine that is busy, the watch may begin late
		var err error
		if out, err = e2e.Run(t.Context(), floor.Plain(false), spec); err != nil {
			t.Fatal(err)
		}
		if out.Machine.Wall >= spec.Measured*9/10 {
			break
		}
	}
	if out.Machine.Wall < spec.Measured*9/10 {
		t.Errorf("the machine was watched for %v of %v", out.Machine.Wall, spec.Measured)
	}
	if out.Own == nil || out.Own.Count() == 0 || out.Own.Count() != out.Lateness.Count() {
		t.Errorf("the generator's own lateness is missing: %+v", out.Own)
	}
	if out.Allocs < 0 {
		t.Error("allocations are not counted")
	}
}
