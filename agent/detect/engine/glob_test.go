package engine

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestAPatternMatchesWhateverGuardsIt has patterns with fixed ends and without, and texts
// that begin, end and go on alike.
func TestAPatternMatchesWhateverGuardsIt(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"*", "?", "7z", "exe", ".exe", "k", "s", "ä", "-"})
	parts := rapid.SampledFrom([]string{"7z", "7Z", "exe", ".EXE", ".exe", "k", "\u212A", "ſ", "S", "Ä", "ä", "-", "\xff", "\ufffd"})
	matches := 0
	rapid.Check(t, func(rt *rapid.T) {
		text := ""
		for i := range 6 {
			pattern := textOf(rt, []string{"7z*", "*", "?"}, "start") + pieces.Draw(rt, "piece") + "?" + textOf(rt, []string{"*", ".exe", "s*-", "?"}, "end")
			text += fmt.Sprintf("---\ntitle: r%d\nlevel: low\nlogsource: {category: process_creation}\ndetection: {a: {Image: %s}, condition: a}\n", i, quote(pattern))
		}
		rules := read(rt, text, sigma.Options{})
		m := New(rules, Options{}).Matcher()
		for range 10 {
			value := ""
			for range rapid.IntRange(0, 5).Draw(rt, "parts") {
				value += parts.Draw(rt, "part")
			}
			matches += compare(rt, rules, m, draft(t, event.TypeProcess, event.OpStart, 0, "Image", value))
		}
	})
	if matches == 0 {
		t.Error("no pattern matched")
	}
}
