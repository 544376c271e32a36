package bench_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/report"
)

// systems are all that take part: floors, and what is examined.
var systems = []e2e.System{
	bus.System(), floor.OneHop(false), floor.OneHop(true), floor.Batched(), floor.Plain(false), floor.Usual(), floor.Plain(true),
}

// promised are what the budgets of the design are for: the broker as a library, and the agent that operators run.
var promised = []e2e.System{bus.System(), bus.Agent()}

// Floors that others are compared with.
const (
	throughputFloor = "relay-batched"
	latencyFloor    = "relay-usual"
)

// How much is measured; see the package documentation.
var (
	roundsWanted = 1
	measured     = 300 * time.Millisecond
	document     = report.Document{Title: "What the bus does, and what a bare socket does", Command: os.Getenv("BENCH_COMMAND")}
)

func TestMain(m *testing.M) {
	e2e.Roles(slices.Concat(systems, promised)...).RunIfChild()
	if err := settings(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	document.Machine = report.ThisMachine()
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		_ = document.Machine.Config(os.Stdout) // a closed standard output is noticed by the benchmarks
	}
	code := m.Run()
	if dir := os.Getenv("BENCH_REPORT"); dir != "" { // also of a run that failed: it shows where
		slices.SortStableFunc(document.Sections, func(a, b report.Section) int {
			return slices.Index(contents, a.Title) - slices.Index(contents, b.Title)
		})
		if err := document.Write(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// contents is the order of the report: benchmarks run in that of their files. What is not named here comes first.
var contents = []string{"Budgets", "Throughput", "Flood", "Latency", "Pauses of the collector", "Idle", "Floors", "Threads", "Parts"}

func settings() error {
	if v, set := os.LookupEnv("BENCH_ROUNDS"); set {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return fmt.Errorf("bench: BENCH_ROUNDS=%s: a whole number from 1 is needed", v)
		}
		roundsWanted = n
	}
	if v, set := os.LookupEnv("BENCH_SECONDS"); set {
		s, err := strconv.ParseFloat(v, 64)
		if err != nil || !(s > 0 && s <= 3600) {
			return fmt.Errorf("bench: BENCH_SECONDS=%s: a number above 0 is needed", v)
		}
		measured = time.Duration(s * float64(time.Second))
	}
	return nil
}

// named returns the system of a name.
func named(name string) e2e.System {
	for _, s := range systems {
		if s.Name == name {
			return s
		}
	}
	panic("bench: no system " + name)
}

// examined returns the systems that are no floors.
func examined() []e2e.System {
	var out []e2e.System
	for _, s := range systems {
		if !s.Floor {
			out = append(out, s)
		}
	}
	return out
}

// compare measures entries in turn for as long as b asks, and at least for the rounds that are wanted.
func compare(b *testing.B, floor string, entries []e2e.Entry) e2e.Comparison {
	c := e2e.Comparison{Floor: floor}
	for b.Loop() {
		series, err := e2e.Rounds(b.Context(), roundsWanted, entries, func(e e2e.Entry, o e2e.Outcome) {
			// A flood is meant to lose; there the announcements have to add up.
			if flood := e.Spec.Rate == 0 && e.Spec.Window == 0; o.Disorder != 0 || !flood && o.Lost() != 0 || flood && o.Lost() != int64(o.Announced) {
				b.Errorf("%s %s: of %d deliveries %d were lost, %d announced as lost, %d out of order or twice",
					e.Label(), e.Spec.Fan(), o.Due, o.Lost(), o.Announced, o.Disorder)
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		if c.Series == nil {
			c.Series = series
			continue
		}
		for i := range series {
			c.Series[i].Outcomes = append(c.Series[i].Outcomes, series[i].Outcomes...)
		}
	}
	b.ReportMetric(0, "ns/op") // the length of the measurement says nothing
	return c
}
