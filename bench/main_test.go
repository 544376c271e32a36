package bench_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/agent"
	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/detection"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/processes"
	"github.com/daemoneye/eventbus/bench/report"
)

// systems are all that take part: floors, and what is examined.
var systems = append([]e2e.System{bus.System()}, floor.Systems()...)

// promised are what the budgets of the design are for: the broker as a library, and the
// agent that operators run.
var promised = []e2e.System{bus.System(), agent.System()}

// Floors that others are compared with.
const (
	throughputFloor = "relay-batched"
	latencyFloor    = "relay-usual"
)

// How much is measured, and what came of it; see the package documentation.
var (
	rounds   = 1
	measured = time.Second
	document = report.Document{Title: "What the bus does, and what a bare socket does", Command: os.Getenv("BENCH_COMMAND")}
	progress *report.Progress
)

// brief is how long a measurement lasts that is only made to see that it runs.
const brief = 300 * time.Millisecond

func TestMain(m *testing.M) {
	roles := e2e.Roles(slices.Concat(systems, promised)...)
	maps.Copy(roles, detection.Roles())
	maps.Copy(roles, processes.Roles())
	roles.RunIfChild()
	flag.Parse()
	pattern := flagText("test.bench")
	if err := settings(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	document.Machine = report.ThisMachine()
	built := func() {}
	if pattern != "" {
		var err error
		if built, err = lean(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		config(os.Stdout)
		progress = report.NewProgress(os.Stderr, planned(pattern, flagText("test.skip"))*rounds, nil)
	}
	code := m.Run()
	built()
	if dir := os.Getenv("BENCH_REPORT"); dir != "" { // also of a run that failed: it shows where
		if err := write(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// lean has the systems play their parts in a program without the agent (bench/roles),
// which it builds. The returned function removes it.
func lean() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "roles")
	if out, err := exec.Command("go", "build", "-o", path, "./roles").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("bench: build the roles: %w\n%s", err, out), os.RemoveAll(dir))
	}
	for i := range systems {
		systems[i].Program = proc.Program(path)
	}
	promised[0] = systems[0]
	return func() { _ = os.RemoveAll(dir) }, nil // it is a temporary directory
}

// contents is the order of the report: benchmarks run in that of their files. What is
// not named here comes first.
var contents = []string{
	"Budgets", "Throughput", "Streams with a latency budget", "Flood", "Latency", "Pauses of the collector", "Idle", "Detection", "Events", "Floors", "Threads", "Parts",
}

// write writes the report, and beside it what benchstat reads.
func write(dir string) error {
	slices.SortStableFunc(document.Sections, func(a, b report.Section) int {
		return slices.Index(contents, a.Title) - slices.Index(contents, b.Title)
	})
	if err := document.Write(dir); err != nil {
		return err
	}
	if t, n := report.Targets(document.Judgements()); n > 0 {
		fmt.Print("\n", text(t), "\n")
	}
	var b strings.Builder
	config(&b)
	b.WriteString(samples.String())
	return os.WriteFile(dir+"/bench.txt", []byte(b.String()), 0o644)
}

func flagText(name string) string { return flag.Lookup(name).Value.String() }

// settings takes how much is measured from the flags of the testing package: -count
// is the number of rounds, -benchtime the length of one measurement. A number of
// iterations is none: what is measured then is brief.
func settings() error {
	if flagText("test.cpu") != "" {
		return fmt.Errorf("bench: -cpu has no meaning here: what is measured are processes")
	}
	n, err := strconv.Atoi(flagText("test.count"))
	if err != nil || n < 1 {
		return fmt.Errorf("bench: -count %s: at least one round is needed", flagText("test.count"))
	}
	rounds = n
	length := flagText("test.benchtime")
	if strings.HasSuffix(length, "x") {
		measured = brief
	} else if measured, err = time.ParseDuration(length); err != nil || measured <= 0 {
		return fmt.Errorf("bench: -benchtime %s: a time above 0 is needed", length)
	}
	// The testing package would repeat what only reports a round until that took as
	// long.
	return flag.Set("test.benchtime", "1x")
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
