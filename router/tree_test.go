package router_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router"
)

// Whatever patterns come and go, the tree finds what the patterns themselves
// match, each subscription once and the eldest first; and when all have gone,
// nothing of it is left.
func TestTheTreeFindsWhatThePatternsMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			p router.Pattern
			s uint64
		}
		var tree router.Tree
		var held []entry
		empty := true
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := entry{genPattern(t, "pattern"), rapid.Uint64Range(1, 8).Draw(t, "subscription")}
				held = append(held, e)
				tree.Add(e.p, e.s)
				empty = false
			},
			"remove": func(t *rapid.T) {
				if len(held) == 0 {
					t.Skip("nothing to remove")
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				empty = tree.Remove(held[i].p, held[i].s)
				held = slices.Delete(held, i, i+1)
			},
			"": func(t *rapid.T) {
				if empty != (len(held) == 0) {
					t.Fatalf("%d patterns are held, and the tree is empty: %v", len(held), empty)
				}
				topic := strings.Join(genSegments(t, "topic", false), ".")
				var want []uint64
				for _, e := range held {
					if e.p.Match(topic) && !slices.Contains(want, e.s) {
						want = append(want, e.s)
					}
				}
				slices.Sort(want)
				if diff := cmp.Diff(want, tree.Find(topic)); diff != "" {
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
			var tree router.Tree
			for i := range n {
				p, err := router.ParsePattern(fmt.Sprintf("events.+.t%d.#", i), true)
				if err != nil {
					b.Fatal(err)
				}
				tree.Add(p, uint64(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				tree.Find("events.process.t7.x")
			}
		})
	}
}
