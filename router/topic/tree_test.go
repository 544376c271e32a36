package topic_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/topic"
)

// Whatever patterns are added and removed, the tree finds those that match. When all are
// removed, it is empty.
func TestTheTreeFindsWhatThePatternsMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			p router.Pattern
			s uint64
		}
		var tree topic.Tree[uint64]
		var held []entry
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := entry{genPattern(t, "pattern"), rapid.Uint64Range(1, 8).Draw(t, "subscription")}
				held = append(held, e)
				tree.Add(e.p, e.s)
			},
			"remove": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing to remove")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				tree.Remove(held[i].p, held[i].s)
				held = slices.Delete(held, i, i+1)
			},
			"": func(t *rapid.T) {
				if tree.Empty() != (len(held) == 0) {
					t.Fatalf("%d patterns are held, and the tree is empty: %v", len(held), tree.Empty())
				}
				topic := strings.Join(genSegments(t, "topic", false), ".")
				var want []uint64
				for _, e := range held {
					if e.p.Match(topic) && !slices.Contains(want, e.s) {
						want = append(want, e.s)
					}
				}
				slices.Sort(want)
				got := tree.AppendMatches(nil, topic)
				slices.Sort(got)
				if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
					t.Fatalf("%s (-want +got)\n%s", topic, diff)
				}
			},
		})
	})
}

// BenchmarkNewTopic measures the cost of a topic that is used for the first time, or after
// a subscription has come or gone. It should not depend on patterns that do not match.
func BenchmarkNewTopic(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			var tree topic.Tree[uint64]
			for i := range n {
				p, err := router.ParsePattern(fmt.Sprintf("events.+.t%d.#", i), true)
				if err != nil {
					b.Fatal(err)
				}
				tree.Add(p, uint64(i))
			}
			b.ReportAllocs()
			var found []uint64
			for b.Loop() {
				found = tree.AppendMatches(found[:0], "events.process.t7.x")
			}
		})
	}
}

// Trees and sets of names use at most the memory that TreeBytes and NameBytes return. When
// most entries have been removed, they use little.
func TestATreeUsesNoMoreMemoryThanTreeBytes(t *testing.T) {
	const n = 5000
	part := func(i int) string { return fmt.Sprintf("%024d", i) }
	for name, pattern := range map[string]func(i int) string{
		"all the same":                 func(int) string { return "events.t.#" },
		"one segment, all of them new": func(i int) string { return part(i) },
		"eight segments":               func(i int) string { return strings.Repeat(part(i)+".", 7) + part(i) },
		"the last one differs":         func(i int) string { return "a.b.c." + part(i) },
		"each node has two children": func(i int) string {
			return fmt.Sprint(i/128, ".", strings.Join(strings.Split(fmt.Sprintf("%07b", i%128), ""), "."))
		},
		"pairs":          func(i int) string { return fmt.Sprint(i/2, ".", i%2) },
		"pairs of pairs": func(i int) string { return fmt.Sprint(i/4, ".", i/2%2, ".", i%2) },
		"wildcards":      func(i int) string { return fmt.Sprintf("+.%d.+.%d.*", i, i/2) },
	} {
		t.Run(name, func(t *testing.T) {
			var patterns []topic.Pattern
			values := make([]*int, n)
			said := int64(0)
			for i := range n {
				p, err := topic.ParsePattern(pattern(i), true)
				if err != nil {
					t.Fatal(err)
				}
				patterns = append(patterns, p)
				values[i] = new(int)
				said += topic.TreeBytes(p)
			}
			var tree topic.Tree[*int]
			compare(t, n, said, func(i int) { tree.Add(patterns[i], values[i]) }, func(i int) { tree.Remove(patterns[i], values[i]) })
			runtime.KeepAlive(&tree)
			if strings.ContainsAny(pattern(0), "+*#") {
				return
			}
			said = 0
			for _, p := range patterns {
				said += topic.NameBytes(p.String())
			}
			var names topic.Names[*int]
			compare(t, n, said, func(i int) { names.Put(patterns[i].String(), values[i]) }, func(i int) { names.Delete(patterns[i].String()) })
			runtime.KeepAlive(&names)
			runtime.KeepAlive(patterns)
		})
	}
}

// compare adds n things, compares their memory with what is promised, and removes most of
// them.
func compare(t *testing.T, n int, said int64, add, remove func(i int)) {
	t.Helper()
	before := heap()
	for i := range n {
		add(i)
	}
	t.Logf("%d bytes each, said to be %d", (heap()-before)/int64(n), said/int64(n))
	if got := heap() - before; got > said {
		t.Errorf("%d bytes each, said to be %d", got/int64(n), said/int64(n))
	}
	for i := range n - n/100 {
		remove(i)
	}
	if got := heap() - before; got > said/50 {
		t.Errorf("with 1 %% left it takes %d bytes", got)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
