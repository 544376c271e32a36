package sigma_test

import (
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// row is one case of testdata/meaning.yml. Its comment explains each key.
type row struct {
	Case         string
	By           string
	Means        string
	Item         string
	Detection    string
	Rule         string
	Placeholders map[string][]string
	Matches, Not []yaml.Node
	Error        string
	Near         string
	Warning      string
}

// document returns the row as a rule.
func (r *row) document() string {
	const head = "title: case\nlogsource: {category: test}\nlevel: low\n"
	switch {
	case r.Rule != "":
		return r.Rule
	case r.Detection != "":
		return head + "detection:\n" + indent(r.Detection, 2)
	}
	return head + "detection:\n  selection:\n" + indent(r.Item, 4) + "  condition: selection\n"
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", by) + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

func rows(t testing.TB) (all []row) {
	t.Helper()
	text, err := os.ReadFile("testdata/meaning.yml")
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	dec.KnownFields(true)
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// fields is an event as the rows write it.
type fields map[string][]expr.Value

func (f fields) Field(name string) []expr.Value { return f[name] }

func (f fields) Texts() (all []string) {
	for _, values := range f {
		for _, v := range values {
			if s, ok := v.Text(); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

func eventOf(t testing.TB, n *yaml.Node) fields {
	t.Helper()
	f := fields{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		values := []*yaml.Node{n.Content[i+1]}
		if values[0].Kind == yaml.SequenceNode {
			values = values[0].Content
		}
		for _, v := range values {
			f[n.Content[i].Value] = append(f[n.Content[i].Value], valueOf(t, v))
		}
	}
	return f
}

func valueOf(t testing.TB, n *yaml.Node) expr.Value {
	t.Helper()
	switch n.ShortTag() {
	case "!!null":
		return expr.NullValue()
	case "!!int", "!!float":
		x, ok := expr.ParseNumber(n.Value)
		if !ok {
			t.Fatalf("%s is no number", n.Value)
		}
		return expr.NumberValue(x)
	}
	return expr.TextValue(n.Value)
}

func TestEachCaseMeansWhatItsRowHas(t *testing.T) {
	for _, r := range rows(t) {
		t.Run(r.Case+" "+r.Means, func(t *testing.T) {
			if len(r.Matches)+len(r.Not) == 0 && r.Error == "" && r.Warning == "" {
				t.Fatal("the row expects nothing")
			}
			var f sigma.Set
			f.Add("case.yml", []byte(r.document()), sigma.Options{Placeholders: r.Placeholders})
			f.Finish()
			problem, warning := "", ""
			near := ""
			for _, p := range f.Problems {
				if p.Warning {
					warning += p.Error() + "\n"
				} else {
					problem += p.Error() + "\n"
					near += p.Near
				}
				if p.Line == 0 || p.File != "case.yml" {
					t.Errorf("the problem names no place: %v", p)
				}
			}
			if (r.Error == "") != (problem == "") || !strings.Contains(problem, r.Error) {
				t.Fatalf("problems:\n%s\nwant %q", problem, r.Error)
			}
			if (r.Warning == "") != (warning == "") || !strings.Contains(warning, r.Warning) {
				t.Errorf("warnings:\n%s\nwant %q", warning, r.Warning)
			}
			if !strings.Contains(near, r.Near) {
				t.Errorf("nearest is %q, want %q", near, r.Near)
			}
			if r.Error != "" {
				if others := strings.Count(r.Rule, "\n---\n"); len(f.Rules) > others {
					t.Errorf("a rule that is wrong was read: %d rules", len(f.Rules))
				}
				return
			}
			for _, n := range r.Matches {
				if !f.Rules[0].Match(eventOf(t, &n)) {
					t.Errorf("line %d of the row: does not match, and should", n.Line)
				}
			}
			for _, n := range r.Not {
				if f.Rules[0].Match(eventOf(t, &n)) {
					t.Errorf("line %d of the row: matches, and should not", n.Line)
				}
			}
		})
	}
}
