package sigma_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

const whole = `title: Shell
id: 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a01
name: shell
status: test
level: high
description: what it is
author: ann
license: MIT
date: 2026-01-02
modified: 2026-02-03
references: [https://example.org]
tags: [attack.execution, attack.T1059.004]
falsepositives: none
fields: [CommandLine]
related:
  - {id: 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a02, type: derived}
logsource: {product: linux, category: process_creation, definition: exec}
own_key: kept apart
detection:
  selection: {F: a}
  condition: selection
`

func TestARuleHasWhatItsFileHas(t *testing.T) {
	f := sigma.Parse("a.yml", []byte(whole), sigma.Options{})
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	r := *f.Rules[0]
	r.Selections, r.Condition = nil, nil
	if r.Digest == ([32]byte{}) {
		t.Error("it has no digest")
	}
	r.Digest = [32]byte{}
	want := sigma.Rule{Body: sigma.Body{Sources: []string{"selection"}}, Head: sigma.Head{
		File: "a.yml", Line: 1,
		ID: "5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a01", Name: "shell", Title: "Shell",
		Status: sigma.StatusTest, Level: sigma.LevelHigh,
		LogSource:  sigma.LogSource{Category: "process_creation", Product: "linux", Definition: "exec"},
		Related:    []sigma.Related{{ID: "5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a02", Type: "derived"}},
		Tags:       []string{"attack.execution", "attack.t1059.004"},
		References: []string{"https://example.org"}, Fields: []string{"CommandLine"}, FalsePositives: []string{"none"},
		Description: "what it is", Author: "ann", License: "MIT", Date: "2026-01-02", Modified: "2026-02-03",
	}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// rule returns a rule with another title, id and detection.
func rule(title, detection string) string {
	return "title: " + title + "\nlogsource: {category: c}\nlevel: low\ndetection:\n" + indent(detection, 2)
}

func TestAProblemNamesItsPlaceAndLeavesTheOtherRules(t *testing.T) {
	text := rule("one", "a: {F: a}\ncondition: a") + "---\n" +
		rule("two", "a: {F|contans: a}\ncondition: a") + "---\n" +
		"title: three\n\tbad: tab\n---\n" +
		rule("four", "a: {F: a}\ncondition: a and\n") + "--- # comment\n" +
		rule("five", "a: {F: a}\ncondition: a")
	f := sigma.Parse("many.yml", []byte(text), sigma.Options{})
	var titles, problems []string
	for _, r := range f.Rules {
		titles = append(titles, fmt.Sprintf("%s:%d", r.Title, r.Line))
	}
	for _, p := range f.Problems {
		problems = append(problems, p.Error())
	}
	if diff := cmp.Diff([]string{"one:1", "five:25"}, titles); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	want := []string{
		`many.yml:12:7: two: modifier "contans" is not known (nearest: contains)`,
		`many.yml:16: not YAML: a tab in the indentation, want spaces`,
		`many.yml:23:14: four: condition, character 6: want a selection, and here is the end`,
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestWhatIsTooLargeIsAProblem(t *testing.T) {
	selections, list, bomb := "", "", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 10_000 {
		selections += fmt.Sprintf("s%d: {F: a}\n", i)
	}
	for range 60 {
		list += "'-a -b -c -d',"
	}
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	wide := "a: {F: &v [" + strings.Repeat("x, ", 2000) + "]}\n"
	for i := range 100 {
		wide += fmt.Sprintf("b%d: {F: *v}\n", i)
	}
	tests := []struct {
		name, text string
		kind       error
	}{
		{"10 MB", "title: x\n" + strings.Repeat("# comment\n", 1<<20), document.ErrLimit},
		{"10,000 selections", rule("x", selections+"condition: 1 of s*"), document.ErrLimit},
		{"values that expand to many", rule("x", "a: {F|windash: ["+list+"], G|windash: ["+list+"]}\ncondition: a"), document.ErrLimit},
		{"aliases of aliases", rule("x", bomb+"condition: a8"), document.ErrSelection},
		{"many aliases of one list", rule("x", wide+"condition: 1 of b*"), document.ErrLimit},
		{"parentheses", rule("x", "a: {F: a}\ncondition: "+strings.Repeat("(", 5000)+"a"), document.ErrCondition},
		{"a long condition", rule("x", "a: {F: a}\ncondition: a"+strings.Repeat(" or a", 5000)), document.ErrCondition},
		{"maps in maps", "title: x\na: " + strings.Repeat("{a: ", 20_000), document.ErrYAML},
		{"nothing", "", document.ErrHead},
		{"no map", "[a, b]", document.ErrHead},
		{"no text", "\x00\x01\xff", document.ErrYAML},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := sigma.Parse("x.yml", []byte(tt.text), sigma.Options{})
			if len(f.Rules) > 0 || len(f.Problems) == 0 {
				t.Fatalf("%d rules, problems %v", len(f.Rules), f.Problems)
			}
			if p := f.Problems[0]; !errors.Is(p, tt.kind) {
				t.Errorf("the problem is %v, want %v", p, tt.kind)
			}
		})
	}
}

// TestExpressionsThatTakeOthersForEver take time in proportion to the text here, or are
// refused.
func TestExpressionsThatTakeOthersForEver(t *testing.T) {
	long := fields{"F": {expr.TextValue(strings.Repeat("a", 200_000) + "!")}}
	for _, text := range []string{`^(a+)+$`, `^(a|aa)+$`, `^(a|a?)+$`, `^(.*a){25}$`, `^([a-zA-Z]+)*$`, `^(a*)*b`} {
		if read(t, "F|re: '"+text+"'").Match(long) {
			t.Errorf("%s matches", text)
		}
	}
	for _, text := range []string{`((a{0,100}){0,100}){0,100}`, `(x{1000}){1000}`, strings.Repeat("(", 2000) + strings.Repeat(")", 2000), `(?:` + strings.Repeat("[ab]{500}", 100) + `)`} {
		f := sigma.Parse("x.yml", []byte(rule("x", "s: {F|re: '"+text+"'}\ncondition: s")), sigma.Options{})
		if len(f.Rules) > 0 || len(f.Problems) != 1 || !errors.Is(f.Problems[0], document.ErrValue) {
			t.Errorf("%.60s: %d rules, %v", text, len(f.Rules), f.Problems)
		}
	}
}

// TestACircleOfCorrelationsIsLeftOut, and what counts on it; the others stay.
func TestACircleOfCorrelationsIsLeftOut(t *testing.T) {
	correlation := func(name, of string) string {
		return "---\ntitle: " + name + "\nname: " + name + "\nlevel: low\ncorrelation: {type: event_count, rules: [" + of + "], timespan: 1m, condition: {gte: 2}}\n"
	}
	text := "name: r\n" + rule("r", "s: {F: a}\ncondition: s") + correlation("fine", "r") +
		correlation("a", "b") + correlation("b", "c") + correlation("c", "a") + correlation("own", "own") + correlation("outside", "a")
	var s sigma.Set
	s.Add("x.yml", []byte(text), sigma.Options{})
	s.Finish()
	var left, problems []string
	for _, c := range s.Correlations {
		left = append(left, c.Title)
	}
	for _, p := range s.Problems {
		problems = append(problems, p.Rule+": "+p.Reason)
		if p.File != "x.yml" || p.Line == 0 || !errors.Is(p, document.ErrReference) {
			t.Errorf("the problem names no place: %+v", p)
		}
	}
	if diff := cmp.Diff([]string{"fine"}, left); diff != "" {
		t.Errorf("correlations (-want +got):\n%s", diff)
	}
	const itself = ": the correlation counts itself, by way of those that it names"
	if diff := cmp.Diff([]string{"a" + itself, "b" + itself, "c" + itself, "own" + itself, `outside: the correlation is of "a", which is not read`}, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestASetRefusesASecondRuleOfTheSameID(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := "id: 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a01\n"
	write("a.yml", id+rule("first", "a: {F: a}\ncondition: a"))
	write("b.yaml", id+rule("second", "a: {F: a}\ncondition: a"))
	write("c.yml", "name: same\n"+rule("third", "a: {F: a}\ncondition: a")+"---\nname: same\n"+rule("fourth", "a: {F: a}\ncondition: a"))
	write("d.txt", "not read")
	if err := os.Symlink("nowhere", filepath.Join(dir, "e.yml")); err != nil {
		t.Fatal(err)
	}
	var s sigma.Set
	s.AddPath(dir, sigma.Options{})
	var titles []string
	for _, r := range s.Rules {
		titles = append(titles, r.Title)
	}
	if diff := cmp.Diff([]string{"first", "third"}, titles); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	want := []string{
		"b.yaml:1: second: id 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a01 is that of \"first\" (" + dir + "/a.yml:1) already",
		"c.yml:9: fourth: name same is that of \"third\" (" + dir + "/c.yml:1) already",
		"e.yml: cannot be read: no such file or directory",
	}
	var problems []string
	for _, p := range s.Problems {
		problems = append(problems, strings.TrimPrefix(p.Error(), dir+"/"))
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestFoldingComparesAsEqualFoldDoes(t *testing.T) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("aAkKsSſ\u212AäÄßẞσςΣǅǆ√ñ1 ")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		if got, want := expr.Fold(a) == expr.Fold(b), strings.EqualFold(a, b); got != want {
			t.Errorf("%q and %q are the same folded: %v, want %v", a, b, got, want)
		}
	})
}
