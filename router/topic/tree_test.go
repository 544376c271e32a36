package topic_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/topic"
)

// Whatever patterns come and go, the tree finds what the patterns themselves
// match, and when all patterns are removed, it is empty.
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

// BenchmarkNewTopic is what a topic costs when it is used for the first time, or
// after a subscription came or went: it should not depend on patterns that have
// nothing to do with it.
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
