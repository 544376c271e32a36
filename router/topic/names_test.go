package topic_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router/topic"
)

// Whatever topics are added and removed, Select finds those that the pattern matches.
func TestAPatternFindsTheNamesThatItMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var names topic.Names[int]
		held := map[string]int{}
		draw := func(t *rapid.T) string { return strings.Join(genSegments(t, "topic", false), ".") }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				name, v := draw(t), rapid.IntRange(0, 9).Draw(t, "value")
				names.Put(name, v)
				held[name] = v
			},
			"delete": func(t *rapid.T) {
				name := draw(t)
				names.Delete(name)
				delete(held, name)
			},
			"": func(t *rapid.T) {
				p := genPattern(t, "pattern")
				want, got := []string{}, []string{}
				for name, v := range held {
					if p.Match(name) {
						want = append(want, fmt.Sprint(name, v))
					}
				}
				names.Select(p, func(name string, v int) { got = append(got, fmt.Sprint(name, v)) })
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s (-want +got)\n%s", p, diff)
				}
				if names.Len() != len(held) {
					t.Fatalf("%d names, want %d", names.Len(), len(held))
				}
			},
		})
	})
}

// The cost of a search does not depend on topics that do not begin like the pattern.
func TestASearchVisitsOnlyNodesUnderThePattern(t *testing.T) {
	var names topic.Names[int]
	for i := range 10_000 {
		names.Put(fmt.Sprintf("events.process.t%d", i), i)
	}
	names.Put("alerts.high", 1)
	for text, most := range map[string]int{"alerts.#": 10, "events.process.t7": 10, "alerts.*": 10, "events.network.#": 10} {
		p, err := topic.ParsePattern(text, true)
		if err != nil {
			t.Fatal(err)
		}
		if steps := names.Select(p, func(string, int) {}); steps > most {
			t.Errorf("%s: %d steps, want at most %d", text, steps, most)
		}
	}
}
