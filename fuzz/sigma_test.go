package fuzz

import (
	"os"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// FuzzSigmaParse holds that reading is total: any bytes give rules and problems, and a
// rule that is read can be evaluated.
func FuzzSigmaParse(f *testing.F) {
	text, err := os.ReadFile("../agent/detect/sigma/testdata/meaning.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text[:1<<12])
	f.Add([]byte("title: x\nlogsource: {category: c}\nlevel: low\ndetection:\n  a:\n    F|windash|contains|all: [' -a*', 'b?']\n    G|re|i: 'a+'\n    H|cidr: 10.0.0.0/8\n  '|all': [x, y]\n  condition: not (1 of a* or a) and a\n"))
	f.Add([]byte("title: x\nlogsource: {category: c}\nlevel: low\ndetection:\n  a: &x\n    F|fieldref|neq: G\n    G|base64offset|contains: abc\n    T|hour|gte: 3\n    E|exists: false\n  b: *x\n  condition: [all of them, a]\n"))
	f.Add([]byte("title: x\nname: r\nlogsource: {category: c}\nlevel: low\ndetection: {a: {F: a}, condition: a}\n---\ntitle: f\nlogsource: {category: c}\nfilter: {rules: [r], a: {F: b}, condition: not a}\n---\ntitle: c\nname: d\nlevel: low\ncorrelation:\n  type: value_percentile\n  rules: [r]\n  group-by: [G]\n  timespan: 5m\n  aliases: {G: {r: F}}\n  condition: {field: F, percentile: 5, gte: 1, neq: 4}\n---\ntitle: e\nlevel: low\ncorrelation: {type: temporal, rules: [d, r], timespan: 1h, generate: true}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got sigma.Set
		got.Add("x", text, sigma.Options{Placeholders: map[string][]string{"p": {"a", "b*"}}})
		got.Finish()
		if len(got.Rules)+len(got.Filters)+len(got.Correlations) == 0 && len(got.Problems) == 0 {
			t.Error("neither a rule nor a problem")
		}
		for _, r := range got.Rules {
			r.Match(noFields{})
			r.Match(sameFields{})
		}
		for _, p := range got.Problems {
			if p.Error() == "" {
				t.Error("a problem without a text")
			}
		}
	})
}

type noFields struct{}

func (noFields) Field(string) []expr.Value { return nil }
func (noFields) Texts() []string           { return nil }

type sameFields struct{}

func (sameFields) Field(string) []expr.Value {
	return []expr.Value{expr.TextValue("10.1.2.3 a -b"), expr.NumberValue(expr.Uint(3))}
}
func (sameFields) Texts() []string { return []string{"x y"} }
