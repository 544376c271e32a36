package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

const withExamples = `
title: one
name: one
level: low
logsource: {category: process_creation}
detection: {s: {Image|endswith: /a}, condition: s}
examples:
  matches: [{Image: /bin/a}, {Image: /bin/b}, {Nothing: x}]
  not: [{Image: /bin/b}, {Image: /x/a}]
---
title: two in a minute
level: high
correlation: {type: event_count, rules: [one], group-by: [User], timespan: 1m, generate: true, condition: {gte: 2}}
examples:
  matches:
    - [{Image: /bin/a, User: u}, {Image: /bin/a, User: u}]
    - [{Image: /bin/a, User: u}, {Image: /bin/a, User: v}]
    - [{Image: /bin/a, User: u}, {Nothing: x}]
  not:
    - {Image: /bin/a, User: u}
    - [{Image: /bin/a, User: u}, {Image: /bin/a, User: u}]
    - [{event.action: exit, Image: /bin/a, User: u}, {Image: /bin/a, User: u}]
`

// TestExamplesAreRun: those that are not as they should be are named, each with the line.
func TestExamplesAreRun(t *testing.T) {
	var s sigma.Set
	s.Add("rules.yml", []byte(withExamples), sigma.Options{})
	r := detect.Compile(&s, detect.Options{})
	ran, failures := r.RunExamples()
	type failure struct {
		Line         int
		Title, Wrong string
	}
	var got []failure
	for _, f := range failures {
		got = append(got, failure{f.Example.Line, f.Head.Title, f.Reason})
	}
	want := []failure{
		{8, "one", "it does not match, and should"},
		{8, "one", "no event has the field Nothing, or not such a value"},
		{9, "one", "it matches, and should not"},
		{17, "two in a minute", "it does not match, and should"},
		{18, "two in a minute", "no event has the field Nothing, or not such a value"},
		{21, "two in a minute", "it matches, and should not"},
	}
	if diff := cmp.Diff(want, got); diff != "" || ran != 11 {
		t.Errorf("%d were run (-want +got):\n%s", ran, diff)
	}
}

func TestAnExampleThatIsNoEventIsAMistake(t *testing.T) {
	for _, text := range []string{"x", "[]", "{}", "[{}]", "[x]", "[[{Image: x}]]"} {
		var s sigma.Set
		s.Add("rules.yml", []byte("title: one\nlevel: low\nlogsource: {category: process_creation}\ndetection: {s: {Image: /a}, condition: s}\nexamples: {matches: ["+text+"]}\n"), sigma.Options{})
		if len(s.Rules) > 0 || len(s.Problems) != 1 || s.Problems[0].Line == 0 {
			t.Errorf("%s: %d rules, %v", text, len(s.Rules), s.Problems)
		}
	}
}
