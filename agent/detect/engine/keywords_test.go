package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestAKeywordIsFoundInEachField has keywords next to rules that look at fields for each
// event, of which the keywords share the index, and without them.
func TestAKeywordIsFoundInEachField(t *testing.T) {
	const word = "Zebra-\u212Aey" // the sign of Kelvin is a k once folded
	others := ""
	for i, name := range []string{"Image", "CommandLine", "ParentCommandLine", "User", "CurrentDirectory", "labels.team"} {
		others += fmt.Sprintf("---\ntitle: other %d\nlevel: low\nlogsource: {category: process_creation}\ndetection: {a: {%s|contains: [seldom-%d, rarely]}, condition: a}\n", i, name, i)
	}
	for _, condition := range []string{"a", "not a"} {
		rule := "title: words\nlevel: low\nlogsource: {category: process_creation}\ndetection: {a: [zebra-key, other-zebra], condition: " + condition + "}\n"
		for _, text := range []string{rule, rule + others} {
			rules := read(t, text, sigma.Options{})
			m := New(rules, Options{}).Matcher()
			for _, name := range []string{"Image", "CommandLine", "ParentCommandLine", "ParentImage", "User", "CurrentDirectory", "labels.team", "labels.site", "host.name", "process.name"} {
				for _, value := range []string{word, "a " + strings.ToUpper(word) + " b", "zebra", ""} {
					compare(t, rules, m, draft(t, event.TypeProcess, event.OpStart, 0, name, value))
				}
			}
		}
	}
	rules := read(t, "title: words\nlevel: low\nlogsource: {category: process_creation}\ndetection: {a: [zebra-key], condition: a}\n"+others, sigma.Options{})
	m := New(rules, Options{}).Matcher()
	if n := compare(t, rules, m, draft(t, event.TypeProcess, event.OpStart, 0, "CommandLine", "x "+word)); n != 1 {
		t.Errorf("%d rules match, want 1", n)
	}
}
