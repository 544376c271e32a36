package bench_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/bench/report"
)

// plan is what there is to measure: each benchmark, with its comparisons or with how
// many measurements it makes a round.
var plan = []struct {
	name        string
	comparisons func() []comparison
	others      int
}{
	{"BenchmarkBudgets", nil, len(promised) * 4},
	{"BenchmarkBudgetStreams", budgetStreams, 0},
	{"BenchmarkClaim", nil, len(promised) * 3},
	{"BenchmarkDetection", nil, len(detecting)},
	{"BenchmarkEvents", nil, len(promised)},
	{"BenchmarkFloor", floors, 0},
	{"BenchmarkFlood", flood, 0},
	{"BenchmarkIdle", nil, len(brokers())},
	{"BenchmarkLatency", latency, 0},
	{"BenchmarkParts", nil, 1},
	{"BenchmarkPauses", pauses, 0},
	{"BenchmarkProcesses", nil, len(watched)},
	{"BenchmarkThreads", threads, 0},
	{"BenchmarkThroughput", throughput, 0},
}

// planned returns how many measurements a round has with a pattern of -bench and one of
// -skip.
func planned(bench, skip string) int {
	n := 0
	for _, p := range plan {
		if !selects(bench, p.name) || skip != "" && selects(skip, p.name) {
			continue
		}
		n += p.others
		if p.comparisons == nil {
			continue
		}
		for _, c := range p.comparisons() {
			if selects(bench, p.name+"/"+c.keys) {
				n += len(c.entries)
			}
		}
	}
	return n
}

// selects reports whether a pattern of the testing package selects a benchmark or
// something below it: each part between slashes is an expression for the same part
// of the name. What it does not understand selects.
func selects(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name, _, _ = strings.Cut(name, "/")
		return matches(pattern, name)
	}
	names := strings.Split(name, "/")
	for either := range strings.SplitSeq(pattern, "|") {
		all := true
		for i, p := range strings.Split(either, "/") {
			if i < len(names) {
				all = all && matches(p, names[i])
			}
		}
		if all {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	ok, err := regexp.MatchString(pattern, name)
	return ok || err != nil
}

func TestThePlanHoldsWhatIsSelected(t *testing.T) {
	all := 0
	for _, p := range plan {
		all += p.others
		if p.comparisons != nil {
			for _, c := range p.comparisons() {
				all += len(c.entries)
			}
		}
	}
	for _, c := range []struct {
		bench, skip string
		want        int
	}{
		{".", "", all},
		{".", "^BenchmarkClaim$", all - 6},
		{"Throughput", "", 36},
		{"^BenchmarkThroughput$|Parts", "", 37},
		{"^Benchmark(Throughput|Parts)$", "", 37},
		{"Throughput/pubs=1/subs=4", "", 12},
		{"Throughput/pubs=1/subs=4/size=128$/system=daemoneye", "", 3},
		{"Throughput/pubs=4|Parts", "", 13},
		{"Nothing", "", 0},
	} {
		if got := planned(c.bench, c.skip); got != c.want {
			t.Errorf("-bench %q -skip %q: %d measurements a round, want %d", c.bench, c.skip, got, c.want)
		}
	}
}

// A system has a colour of its own, so that it has the same one in every figure.
func TestEverySystemHasItsOwnColour(t *testing.T) {
	of := make(map[report.Colour]string)
	for _, s := range slices.Concat(systems, promised) {
		if other, taken := of[s.Colour]; taken && other != s.Name {
			t.Errorf("%s and %s are both %s", s.Name, other, s.Colour)
		}
		of[s.Colour] = s.Name
	}
}

// Names are keys and values, and no value ends like the number that the testing package
// appends: so benchstat takes them apart.
func TestNamesAreKeysAndValues(t *testing.T) {
	element := regexp.MustCompile(`^[a-z]+=[^/=]*[^-/=0-9]$|^[a-z]+=[0-9]+(us)?$|^[a-z]+=[a-z+]+$`)
	check := func(keys string) {
		t.Helper()
		for part := range strings.SplitSeq(keys, "/") {
			if !element.MatchString(part) {
				t.Errorf("%s: %q is no key and value", keys, part)
			}
		}
	}
	for _, p := range plan {
		if p.comparisons == nil {
			continue
		}
		for _, c := range p.comparisons() {
			check(c.keys)
			for _, e := range c.entries {
				check(e.Spec.BudgetKey() + "/system=" + e.System.Name)
			}
		}
	}
	for _, p := range parts {
		check(p.keys())
	}
	for _, fan := range fans {
		check(routedKeys(fan))
	}
}
