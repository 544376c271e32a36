package main

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/report"
)

func TestMain(m *testing.M) {
	e2e.Roles(bus.System(), floor.Batched(), floor.Usual()).RunIfChild()
	os.Exit(m.Run())
}

// BenchmarkParts is what the test program of package bench has of that name, in the
// form of commit 8bac1d7.
func BenchmarkParts(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	for old := range oldNames {
		b.ReportMetric(12, old)
	}
}

func TestPartsAreReadInBothForms(t *testing.T) {
	const old = "goos: linux\n" +
		"BenchmarkParts-2   \t       1\t        40.14 channel/stream-ns\t         1.480 ring/stream-by-64-ns\t 310.5 router/1→1-deliveries-ns\t 3.1 frame/append-128B-ns\nPASS\n"
	const now = "BenchmarkParts/part=channel/what=stream-2 \t 1\t 40.14 ns/element\n" +
		"BenchmarkParts/part=ring/what=stream/batch=64-2\t 1\t 1.480 ns/element\t 27 x-channel\n" +
		"BenchmarkParts/part=router/what=delivery/pubs=1/subs=1 \t 1\t 310.5 ns/element\n" +
		"BenchmarkOther/part=ring/what=stream-2 \t 1\t 1 ns/element\n"
	want := map[string]float64{channelStream: 40.14, ringBy64: 1.48, routed1to1: 310.5}
	for _, text := range []string{old, now} {
		if diff := cmp.Diff(want, parseParts([]byte(text))); diff != "" {
			t.Errorf("of\n%s(-want +got):\n%s", text, diff)
		}
	}
}

// rowOf makes up a row of rounds of base and head.
func rowOf(more bool, rounds ...[2]float64) *row {
	r := &row{more: more, text: ratio}
	for _, v := range rounds {
		s := nothing()
		s.value[atBase], s.value[atHead] = v[0], v[1]
		r.rounds = append(r.rounds, s)
	}
	return r
}

func TestAChangeHoldsOrHasFallenOrIsNotMeasurable(t *testing.T) {
	less := func(f func(*row)) *row {
		r := rowOf(true, [2]float64{100, 90}, [2]float64{110, 99}, [2]float64{120, 108}, [2]float64{100, 91})
		f(r)
		return r
	}
	for _, c := range []struct {
		name string
		row  *row
		want report.Verdict
		why  string
	}{
		{"more", rowOf(true, [2]float64{1, 2}, [2]float64{1, 2}, [2]float64{1, 2}), report.Met, ""},
		{"less by 2 %", rowOf(true, [2]float64{100, 98}, [2]float64{100, 98}, [2]float64{100, 97}), report.Met, ""},
		{"less by a tenth in each round, while the machine drifts", less(func(*row) {}), report.Missed, ""},
		{"longer by a tenth", rowOf(false, [2]float64{100, 110}, [2]float64{50, 55}, [2]float64{80, 88}), report.Missed, ""},
		{"shorter by a tenth", rowOf(false, [2]float64{100, 90}, [2]float64{50, 45}, [2]float64{80, 72}), report.Met, ""},
		{"less at the median, more in some rounds", rowOf(true, [2]float64{100, 90}, [2]float64{100, 90}, [2]float64{100, 105}), report.NotMeasurable, "holds 1"},
		{"less, two rounds", rowOf(true, [2]float64{100, 90}, [2]float64{100, 90}), report.NotMeasurable, "2 of 3 rounds"},
		{"half is missing", rowOf(true, [2]float64{100, 90}, [2]float64{100, 90}, [2]float64{100, 90},
			[2]float64{100, math.NaN()}, [2]float64{math.NaN(), 90}, [2]float64{math.NaN(), math.NaN()}), report.NotMeasurable, "3 of 6 rounds"},
		{"less in all rounds, crowded in half of them", less(func(r *row) { r.rounds[1].crowded, r.rounds[2].crowded = true, true }), report.Missed, ""},
		{"less in some rounds, crowded in half of them", less(func(r *row) {
			r.rounds[1].crowded, r.rounds[2].crowded = true, true
			r.rounds[3].value[atHead] = 99
		}), report.NotMeasurable, "crowded in 2 of 4"},
		{"more in most rounds, crowded in half of them", func() *row {
			r := rowOf(true, [2]float64{1, 2}, [2]float64{1, 2}, [2]float64{1, 2}, [2]float64{2, 1})
			r.rounds[1].crowded, r.rounds[2].crowded = true, true
			return r
		}(), report.NotMeasurable, "crowded in 2 of 4"},
		{"more in all rounds, crowded in all", func() *row {
			r := rowOf(true, [2]float64{1, 2}, [2]float64{1, 2}, [2]float64{1, 2})
			for i := range r.rounds {
				r.rounds[i].crowded = true
			}
			return r
		}(), report.Met, ""},
		{"less, crowded in one round", less(func(r *row) { r.rounds[1].crowded = true }), report.Missed, ""},
		{"longer by no more than the generator was late", func() *row {
			r := rowOf(false, [2]float64{100, 110}, [2]float64{50, 55}, [2]float64{80, 88})
			for i := range r.rounds {
				r.rounds[i].late[atHead] = r.rounds[i].value[atHead] - r.rounds[i].value[atBase]
			}
			return r
		}(), report.NotMeasurable, "lateness"},
		{"losses of head", less(func(r *row) { r.rounds[0].lost[atHead] = 7 }), report.Missed, "7 deliveries lost"},
		{"shown only", less(func(r *row) { r.free = true }), report.NoTarget, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.row.change(0.03)
			if got.verdict != c.want || c.why == "" && got.why != "" || !strings.Contains(got.why, c.why) {
				t.Errorf("%.3f in %.3f…%.3f: %q, because %q; want %q, because %q", got.ratio, got.low, got.high, got.verdict, got.why, c.want, c.why)
			}
		})
	}
}

func TestTheAimOfARowIsHeldAgainstHead(t *testing.T) {
	for _, c := range []struct {
		name                string
		head, floor, aim    float64
		more, ratio, isBusy bool
		want                string
	}{
		{"a ratio to the floor", 90, 100, 0.85, true, false, false, "0.90 (≥ 0.85 met)"},
		{"a ratio to the floor, crowded", 90, 100, 0.85, true, false, true, "0.90 (≥ 0.85 not measurable)"},
		{"a ratio of its own, crowded", 9, math.NaN(), 6, true, true, true, "9.00 (≥ 6.00 not measurable)"},
		{"a value", 9, math.NaN(), 6, false, false, false, "9.00 (≤ 6.00 missed)"},
		{"a value, crowded", 9, math.NaN(), 6, false, false, true, "9.00 (≤ 6.00 not measurable)"},
		{"a value that is small enough, crowded", 5, math.NaN(), 6, false, false, true, "5.00 (≤ 6.00 met)"},
		{"no aim", 5, math.NaN(), 0, false, false, false, "5.00"},
	} {
		r := rowOf(c.more, [2]float64{1, c.head})
		r.aim, r.rounds[0].crowded, r.rounds[0].value[atFloor] = c.aim, c.isBusy, c.floor
		if c.ratio {
			r.unit = "x-channel"
		}
		if got := r.aimed().String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// newJob compares this test program with itself.
func newJob(t *testing.T, each time.Duration) *job {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := side{commit: "here", program: proc.Program(path), roles: proc.Program(path)}
	return &job{base: s, head: s, each: each, log: t.Output()}
}

func TestEveryFigureIsMeasuredOnBothSides(t *testing.T) {
	if testing.Short() {
		t.Skip("measures all figures, for several seconds")
	}
	var j *job
	for range 20 { // on a machine that is busy, a short measurement may see nothing
		j = newJob(t, 50*time.Millisecond)
		if err := j.check(t.Context()); err != nil {
			t.Fatal(err)
		}
		j.plan()
		j.measure(t.Context(), 1)
		missing := 0
		for _, r := range j.rows {
			missing += 2 - len(r.column(atBase)) - len(r.column(atHead))
		}
		if missing == 0 {
			break
		}
	}
	for _, r := range j.rows {
		for _, place := range []int{atBase, atHead} {
			if len(r.column(place)) != 1 {
				t.Errorf("%s, %s: nothing for %s", r.group, r.name, placeNames[place])
			}
		}
	}
	table, _ := j.table(0.03)
	if len(table.Rows) != len(j.rows) {
		t.Errorf("%d lines of %d figures", len(table.Rows), len(j.rows))
	}
	var samples strings.Builder
	if err := j.samples(&samples); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BenchmarkThroughput/pubs=1/subs=4/size=128/side=head 1 ", "BenchmarkLatency/pubs=1/subs=1/size=128/rate=10000/budget=0us/side=floor 1 ", " p99-ns\n"} {
		if !strings.Contains(samples.String(), want) {
			t.Errorf("no %q in the samples:\n%s", want, samples.String())
		}
	}
}

func TestARoundThatIsNotCompleteIsLeftOut(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	j := newJob(t, time.Millisecond)
	r := rowOf(true)
	j.rows = []*row{r}
	j.steps = []step{{run: func(_ context.Context, round int) {
		r.rounds = append(r.rounds, nothing())
		if round == 2 {
			cancel()
		}
	}}}
	j.measure(ctx, 5)
	if len(r.rounds) != 2 {
		t.Errorf("%d rounds are kept; want the 2 that were complete", len(r.rounds))
	}
}

func TestWhatFailsIsTriedAgainAndThenMissing(t *testing.T) {
	var log strings.Builder
	j := newJob(t, 500*time.Millisecond)
	j.base.program = proc.Program(filepath.Join(t.TempDir(), "gone"))
	j.base.roles = j.base.program
	j.log = &log
	j.progress = report.NewProgress(&log, 1, nil)
	r := j.row("throughput", "128 B", e2e.Deliveries)
	j.runs(r.name, j.stream(1, 1, 128, 0), e2e.System{}, []*row{r}, e2e.Deliveries)
	j.steps[0].run(t.Context(), 0)
	if len(r.column(atBase)) != 0 || len(r.column(atHead)) != 1 {
		t.Errorf("base %v, head %v", r.column(atBase), r.column(atHead))
	}
	if n := strings.Count(log.String(), "compare: 128 B, base:"); n != 2 {
		t.Errorf("tried %d times:\n%s", n, log.String())
	}
	if err := j.check(t.Context()); err == nil || !strings.Contains(err.Error(), "base does not take part") {
		t.Errorf("check: %v", err)
	}
}

// The copy of a commit has its files, not those of the work tree, and the repository
// does not know of it.
func TestBothSidesAreBuiltOfTheirOwnFiles(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	repository, dir := t.TempDir(), t.TempDir()
	t.Chdir(repository)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) string {
		t.Helper()
		out, err := git(t.Context(), []string{
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_CONFIG_GLOBAL=/dev/null",
		}, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const text = "package bench\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(*testing.M) { fmt.Print(\"VERSION\"); os.Exit(0) }\n"
	write("go.mod", "module m\n\ngo 1.26\n")
	write("bench/bench_test.go", strings.Replace(text, "VERSION", "old", 1))
	command("init", "-q")
	command("add", ".")
	command("commit", "-q", "-m", "old")
	write("bench/bench_test.go", strings.Replace(text, "VERSION", "new", 1))
	base, head, err := build(t.Context(), dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		side
		says string
	}{{base, "old"}, {head, "new"}} {
		out, err := exec.Command(string(c.program)).Output()
		if err != nil || string(out) != c.says {
			t.Errorf("%s says %q, %v; want %q", c.name, out, err, c.says)
		}
	}
	if want := base.commit + "-dirty"; head.commit != want {
		t.Errorf("head is %s, want %s", head.commit, want)
	}
	if list := command("worktree", "list"); strings.Count(list, "\n") != 0 {
		t.Errorf("the repository has more work trees:\n%s", list)
	}
	if _, _, err := build(t.Context(), t.TempDir(), "nothing"); err == nil {
		t.Error("a commit that does not exist is built")
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range []string{"", "-base x extra", "-base -x", "-base x -rounds 0", "-base x -seconds 0", "-base x -seconds NaN", "-base x -limit 0", "-base x -wrong"} {
		var errs strings.Builder
		if _, err := parse(strings.Fields(args), &errs); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	o, err := parse(strings.Fields("-base x -seconds 0.25 -limit 5 -rounds 9"), t.Output())
	if want := (options{base: "x", rounds: 9, each: 250 * time.Millisecond, limit: 0.05}); err != nil || o != want {
		t.Errorf("%+v, %v; want %+v", o, err, want)
	}
}
