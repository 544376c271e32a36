package engine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	ac "github.com/BobuSumisu/aho-corasick"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// Folders with rules of the community, which are not part of this repository: those for
// the starts of processes, of Linux and of Windows.
const (
	linuxRules   = "SIGMA_LINUX"
	windowsRules = "SIGMA_WINDOWS"
)

// BenchmarkMatch is the processor time of one process event of the committed mix, by
// rules. The community's rules are those of a folder, see linuxRules and windowsRules.
// The texts of the events come again: all of them, all but the command line, or none.
func BenchmarkMatch(b *testing.B) {
	run := func(name string, rules func(testing.TB) []*sigma.Rule, events []event.View) {
		for _, again := range []string{"all", "parents", "none"} {
			b.Run(name+"/again="+again, func(b *testing.B) { benchMatch(b, rules(b), renewed(b, events, again)) })
		}
	}
	for _, n := range []int{100, 500, 1000, 3000} {
		run(fmt.Sprintf("rules=%d", n), func(t testing.TB) []*sigma.Rule { return generated(t, n) }, ordinary(b))
	}
	linux := func(t testing.TB) []*sigma.Rule { return community(t, linuxRules) }
	windows := func(t testing.TB) []*sigma.Rule { return forWindows(community(t, windowsRules)) }
	run("rules=linux", linux, ordinary(b))
	for _, n := range []int{500, 1000} {
		run(fmt.Sprintf("rules=linux/copies=%d", n), func(t testing.TB) []*sigma.Rule { return mutated(linux(t), n) }, ordinary(b))
	}
	run("rules=windows", windows, windowsEvents(b))
	run("rules=windows/mix=linux", windows, ordinary(b))
}

func benchMatch(b *testing.B, rules []*sigma.Rule, events []event.View) {
	e := New(rules, Options{})
	m := e.Matcher()
	matches, candidates := 0, 0
	for _, v := range events {
		matches += len(m.Match(v))
		for i := range m.states {
			candidates += len(m.states[i].candidates) + len(e.programs[i].always)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	i, start := 0, threadTime(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Match(events[i])
		if i++; i == len(events) {
			i = 0
		}
	}
	b.ReportMetric(float64(threadTime(b)-start)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(len(e.Active())), "rules")
	b.ReportMetric(float64(candidates)/float64(len(events)), "candidates/op")
	b.ReportMetric(float64(matches)/float64(len(events)), "matches/op")
}

// BenchmarkRatio holds the engine against another way to look for many texts: one walk
// of an Aho-Corasick automaton with 700 words over 150 bytes. All of them take turns,
// so that what else the machine does is in each alike. A walk finds words and no rules.
// Command lines are new, and other texts come again.
// The rules are copies of the community's where a folder has them, else generated ones.
func BenchmarkRatio(b *testing.B) {
	rules := func(n int) []*sigma.Rule { return generated(b, n) }
	if os.Getenv(linuxRules) != "" {
		rules = func(n int) []*sigma.Rule { return mutated(community(b, linuxRules), n) }
	}
	var words []string
	for _, r := range rules(1000) {
		expr.Walk(r.Condition, func(a *expr.Atom) {
			if x, ok := a.Test.(expr.Match); ok && a.Field == "CommandLine" && len(words) < 700 {
				if text := strings.ReplaceAll(x.Pattern.String(), "*", ""); text != "" {
					words = append(words, text)
				}
			}
		})
	}
	trie := ac.NewTrieBuilder().AddStrings(words).Build()
	line := []byte(strings.Repeat("/usr/bin/python3 -u /opt/shop/manage.py runworker --queue=mail ", 3)[:150])
	events := renewed(b, ordinary(b), "parents")
	ways := []func(i int){func(int) { trie.Walk(line, func(end, n, pattern int64) bool { return true }) }}
	names := []string{"walk"}
	for _, n := range []int{100, 500, 1000} {
		m := New(rules(n), Options{}).Matcher()
		ways = append(ways, func(i int) { m.Match(events[i]) })
		names = append(names, fmt.Sprintf("%d", n))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const passes = 10 // so that a way has its tables in the caches for most of its turn
	best := make([]int64, len(ways))
	for b.Loop() {
		for k, way := range ways {
			start := threadTime(b)
			for range passes {
				for i := range events {
					way(i)
				}
			}
			if spent := threadTime(b) - start; best[k] == 0 || spent < best[k] {
				best[k] = spent
			}
		}
	}
	for k, name := range names {
		b.ReportMetric(float64(best[k])/float64(passes*len(events)), name+"-ns")
	}
	b.ReportMetric(float64(best[2])/float64(best[0]), "500/walk")
	b.ReportMetric(float64(best[3])/float64(best[1]), "1000/100")
}

// threadTime returns the processor time of the thread in ns: on a machine that does
// other work too, the time that passes measures that work as well.
func threadTime(b *testing.B) int64 {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}

// BenchmarkLoad is what it costs to read and compile a thousand rules.
func BenchmarkLoad(b *testing.B) {
	text := generatedText(1000)
	b.ReportAllocs()
	start := processTime(b)
	for b.Loop() {
		New(read(b, text, sigma.Options{}), Options{})
	}
	b.ReportMetric(float64(processTime(b)-start)/1e6/float64(b.N), "cpu-ms/op")
}

// processTime returns the processor time of the process in ns, that of the collector of
// garbage too.
func processTime(b *testing.B) int64 {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}

// BenchmarkNew is what of that is compiling.
func BenchmarkNew(b *testing.B) {
	rules := generated(b, 1000)
	for b.Loop() {
		New(rules, Options{})
	}
}
