package sigma_test

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// TestAnAtomIsWrittenAsItIsRead: what stands for each kind of test is a rule that means
// the same.
func TestAnAtomIsWrittenAsItIsRead(t *testing.T) {
	for _, text := range []string{
		`F: 'a'`, `F|contains: 'a*b'`, `F|startswith: 'a?'`, `F|endswith: 'a\\b'`, `F|contains|cased: 'a'`, `F: '*'`, `F: 'it''s'`, `F: ''`,
		`F: 5`, `F|lt: 5`, `F|hour|gte: 3`, `F|minute: 3`, `F|re: "a+"`, `F|cidr: 10.0.0.0/8`,
		`F|fieldref: G`, `F|fieldref|endswith|cased: G`, `F: null`, `F|exists: true`,
	} {
		r := read(t, text)
		got := r.Selections[0].Expr.(*expr.Atom).String()
		if got != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
}

func read(t *testing.T, item string) *sigma.Rule {
	t.Helper()
	f := sigma.Parse("x.yml", []byte(rule("x", "s:\n  "+strings.ReplaceAll(item, "\n", "\n  ")+"\ncondition: s")), sigma.Options{})
	if len(f.Rules) != 1 {
		t.Fatalf("%s: %v", item, f.Problems)
	}
	return f.Rules[0]
}

func TestEachPartOfARuleSaysWhatItFound(t *testing.T) {
	r := read(t, "F|contains: [a, b]\nG|neq: x")
	got := expr.Explain(r.Condition, fields{"F": {expr.TextValue("xb"), expr.TextValue("y")}})
	want := expr.Finding{Text: "s", Holds: true, Parts: []expr.Finding{{Text: "all of", Holds: true, Parts: []expr.Finding{
		{Text: "one of", Holds: true, Parts: []expr.Finding{
			{Text: "F|contains: 'a'", Values: []string{"xb", "y"}},
			{Text: "F|contains: 'b'", Holds: true, Values: []string{"xb", "y"}},
		}},
		{Text: "not", Holds: true, Parts: []expr.Finding{{Text: "G: 'x'", Absent: true}}},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
