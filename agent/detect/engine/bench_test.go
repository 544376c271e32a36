package engine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	ac "github.com/BobuSumisu/aho-corasick"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// BenchmarkMatch is the cost of one benign process event. With RULES=DIR there are
// also the rules below a directory, in Sigma.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 1000, 3000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchMatch(b, generated(b, n)) })
	}
	if dir := os.Getenv("RULES"); dir != "" {
		var s sigma.Set
		s.AddPath(dir, sigma.Options{})
		s.Finish()
		b.Run("rules=dir", func(b *testing.B) { benchMatch(b, s.Rules) })
	}
}

func benchMatch(b *testing.B, rules []*sigma.Rule) {
	e := New(rules, Options{})
	m := e.Matcher()
	events := benignEvents(b)
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
func BenchmarkRatio(b *testing.B) {
	var words []string
	for _, r := range generated(b, 1000) {
		expr.Walk(r.Condition, func(a *expr.Atom) {
			if x, ok := a.Test.(expr.Match); ok && a.Field == "CommandLine" && len(words) < 700 {
				words = append(words, strings.ReplaceAll(x.Pattern.String(), "*", ""))
			}
		})
	}
	trie := ac.NewTrieBuilder().AddStrings(words).Build()
	line := []byte(strings.Repeat("/usr/bin/python3 -u /opt/shop/manage.py runworker --queue=mail ", 3)[:150])
	events := benignEvents(b)
	ways := []func(i int){func(int) { trie.Walk(line, func(end, n, pattern int64) bool { return true }) }}
	names := []string{"walk"}
	for _, n := range []int{100, 500, 1000, 3000} {
		m := New(generated(b, n), Options{}).Matcher()
		ways = append(ways, func(i int) { m.Match(events[i]) })
		names = append(names, fmt.Sprintf("%d", n))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spent := make([]int64, len(ways))
	for b.Loop() {
		for k, way := range ways {
			start := threadTime(b)
			for i := range events {
				way(i)
			}
			spent[k] += threadTime(b) - start
		}
	}
	for k, name := range names {
		b.ReportMetric(float64(spent[k])/float64(b.N*len(events)), name+"-ns")
	}
	b.ReportMetric(float64(spent[2])/float64(spent[0]), "500/walk")
	b.ReportMetric(float64(spent[3])/float64(spent[1]), "1000/100")
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

// BenchmarkNew is what it costs to compile a thousand rules that were read.
func BenchmarkNew(b *testing.B) {
	rules := generated(b, 1000)
	for b.Loop() {
		New(rules, Options{})
	}
}
