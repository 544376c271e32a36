package fuzz

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// FuzzSigmaEngine holds that the engine finds what the rules mean, whatever rules and
// texts.
func FuzzSigmaEngine(f *testing.F) {
	const head = "title: x\nlogsource: {category: process_creation}\nlevel: low\ndetection:\n"
	f.Add([]byte(head+"  a:\n    Image|endswith: [/sh, 'b?s*']\n    CommandLine|contains|all: [' -c ', 'Ä']\n  b:\n    - ParentImage|re: '(a|bc)+\\.d'\n    - CommandLine|windash: '-x y'\n  condition: a or not b\n"), "/bin/bash", "sh -c ä", "/bin/sh", uint32(5))
	f.Add([]byte(head+"  a: {ProcessId: [5, 7], CommandLine|cased|startswith: K}\n  b: [key*word, 5]\n  c: {Image|fieldref|endswith: ParentImage, ProcessId|lt: 6}\n  condition: 1 of them\n"), "/x", "\u212Aey\xff", "x", uint32(7))
	f.Fuzz(func(t *testing.T, text []byte, image, line, parent string, pid uint32) {
		rules := sigma.Parse("x", text, sigma.Options{}).Rules
		if len(rules) == 0 {
			return
		}
		e := engine.New(rules, engine.Options{})
		d := event.NewDraft(event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: pid}, event.Origin{Host: "h"})
		d.Set("process.executable", image)
		d.Set("process.command_line", line)
		d.Set("process.parent.executable", parent)
		v, err := event.Parse(d.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		m, got := e.Matcher(), map[*sigma.Rule]int{}
		for range 2 { // the second time it knows the texts
			clear(got)
			for _, x := range m.Match(v) {
				got[x.Rule]++
			}
			matchesWhatRulesMean(t, e, v, got)
		}
	})
}

// matchesWhatRulesMean compares what the engine found with what each rule says itself.
func matchesWhatRulesMean(t *testing.T, e *engine.Engine, v event.View, got map[*sigma.Rule]int) {
	t.Helper()
	for _, r := range e.Active() {
		if r.LogSource.Category == "" {
			continue // it is looked at only where its fields are
		}
		want := 0
		if r.LogSource.Category == "process_creation" && r.Match(engine.AsEvent(v)) {
			want = 1
		}
		if got[r] != want {
			t.Errorf("%s: the engine matches %d times, the rule %d times", r.Label(), got[r], want)
		}
	}
}
