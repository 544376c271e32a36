package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/report"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// outcomes makes up one outcome for each factor.
func outcomes(factors ...float64) []e2e.Outcome {
	var all []e2e.Outcome
	for _, f := range factors {
		latency, lateness, own := new(load.Histogram), new(load.Histogram), new(load.Histogram)
		for i := range 1000 {
			latency.Record(time.Duration(f * float64(100_000+i*100)))
			lateness.Record(time.Duration(20_000 + i*10))
			own.Record(time.Duration(2_000 + i*10))
		}
		all = append(all, e2e.Outcome{
			Sent: 1000, Due: 1000, Received: 1000, Rate: 1e6 / f, Bandwidth: 128e6 / f, BrokerNs: 100 * f,
			Latency: latency, Lateness: lateness, Own: own, Allocs: 0.0004 * f,
			Machine:    proc.Machine{Known: true, Cores: 2, Wall: time.Second, Busy: 1100 * time.Millisecond},
			Publishers: []proc.Usage{{Wall: time.Second, CPU: 600 * time.Millisecond}},
			Broker: proc.Usage{
				Wall: time.Second, CPU: time.Duration(0.4 * f * float64(time.Second)),
				Pauses: proc.Pauses{Count: 10, P50: 20_000, P99: time.Duration(50_000 * f), Max: 100_000},
			},
		})
	}
	return all
}

func comparison(spec e2e.Spec) e2e.Comparison {
	broker := plain
	broker.Name, broker.Colour, broker.Floor = "broker", report.Blue, false
	thrifty := spec
	thrifty.Budget = 500 * time.Microsecond
	aim := e2e.Aim{NoAllocs: true, Rate: 1.1, P50: 0.85, P99: 0.9, CPU: 0.62, Pause: 1}
	c := e2e.Comparison{Floor: "relay-plain", Series: []e2e.Series{
		{Entry: e2e.Entry{System: floor.OneHop(false), Spec: spec}, Outcomes: outcomes(0.5)},
		{Entry: e2e.Entry{System: plain, Spec: spec}, Outcomes: outcomes(1, 3, 1)},
		{Entry: e2e.Entry{System: broker, Spec: spec, Aim: aim}, Outcomes: outcomes(0.9, 0.8, 0.7)},
		{Entry: e2e.Entry{System: broker, Spec: thrifty, Aim: e2e.Aim{Below: 600 * time.Microsecond}}, Outcomes: outcomes(2, 4)},
	}}
	c.Series[2].Outcomes[1].Received -= 7
	return c
}

func TestComparisonsAreWrittenBesideTheirFloor(t *testing.T) {
	spec := e2e.Spec{Publishers: 1, Subscribers: 4, Size: 128, Collect: 10 * time.Millisecond}
	big := spec
	big.Size = 16384
	c := []e2e.Comparison{comparison(spec), comparison(big)}
	d := report.Document{Title: "Comparisons", Sections: []report.Section{{
		Title:  "All of them",
		Tables: []report.Table{e2e.ThroughputTable(c), e2e.LatencyTable(c[0]), e2e.PauseTable(c[0])},
		Figures: []report.Figure{
			e2e.ThroughputFigure("throughput", "Throughput", c, 10_000),
			e2e.LatencyFigure("latency", "Latency", c[0], time.Millisecond),
		},
	}}}
	into := t.TempDir()
	if *update {
		into = "testdata"
	}
	if err := d.Write(into); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "throughput.svg", "latency.svg"} {
		want, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(into, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got; go test ./bench/e2e -update accepts):\n%s", name, diff)
		}
	}
}

func TestAComparisonWithoutItsFloorGivesNoRatios(t *testing.T) {
	c := comparison(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 128})
	c.Floor = "something else"
	for _, row := range e2e.ThroughputTable([]e2e.Comparison{c}).Rows {
		if text := strings.Join(row, " "); strings.Contains(text, "≥") || row[5] != report.Absent {
			t.Errorf("row %q", row)
		}
	}
}

func TestASystemHasOneColourInEveryFigure(t *testing.T) {
	c := comparison(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 128})
	want := make(map[string]report.Colour)
	for _, s := range c.Series {
		want[s.Label()] = s.System.Colour
	}
	for _, f := range []report.Figure{
		e2e.LatencyFigure("", "", e2e.Comparison{Floor: c.Floor, Series: c.Series[1:]}, 0),
		e2e.ThroughputFigure("", "", []e2e.Comparison{c}, 0),
	} {
		for _, l := range f.Plots[0].Lines {
			if l.Colour != want[l.Name] {
				t.Errorf("%s is %s, want %s", l.Name, l.Colour, want[l.Name])
			}
			if !strings.Contains(f.SVG(""), l.Colour.String()) {
				t.Errorf("%s is not drawn in %s", l.Name, l.Colour)
			}
		}
		for _, m := range f.Plots[0].Marks {
			if m.Colour != report.Blue {
				t.Errorf("a target of the broker is %s", m.Colour)
			}
		}
		if len(f.Plots[0].Marks) == 0 || !strings.Contains(f.Note, "3 rounds") {
			t.Errorf("no targets, or no rounds: %+v", f)
		}
	}
}
