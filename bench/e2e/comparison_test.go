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
	broker.Name, broker.Floor = "broker", false
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
			e2e.ThroughputFigure("throughput", "Throughput", c),
			e2e.LatencyFigure("latency", "Latency", c[0]),
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
