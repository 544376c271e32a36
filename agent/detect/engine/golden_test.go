package engine

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// goldenRow is a case of the file in which package sigma defines what rules mean.
type goldenRow struct {
	Case, Means           string
	Item, Detection, Rule string
	Placeholders          map[string][]string
	Matches, Not          []yaml.Node
	Error                 string
}

func (r *goldenRow) document() string {
	indent := func(text, by string) string {
		return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
	}
	const head = "title: case\nlogsource: {category: test}\nlevel: low\ndetection:\n"
	switch {
	case r.Rule != "":
		return r.Rule
	case r.Detection != "":
		return head + indent(r.Detection, "  ")
	}
	return head + "  selection:\n" + indent(r.Item, "    ") + "  condition: selection\n"
}

// homes are the fields of the table that stand for those of the cases, by what the
// event has there. Where there are several, each is tried.
var homes = map[string]map[string][]string{
	"F": {"text": {"file.path", "process.args"}, "empty": {"file.path"}, "texts": {"process.args"}, "number": {"file.size"}, "time": {"UtcTime", "file.path"}, "": {"file.path", "file.size", "process.args"}},
	"G": {"text": {"file.target_path"}, "number": {"file.uid"}, "": {"file.target_path"}},
	"N": {"text": {"process.name"}, "number": {"file.gid"}, "": {"process.name", "file.gid"}},
}

// kindOf returns what an event has in a field, "-" for what no field can have.
func kindOf(values []*yaml.Node) string {
	switch {
	case len(values) == 0 || len(values) == 1 && values[0].ShortTag() == "!!null":
		return ""
	case len(values) > 1:
		return "texts"
	case values[0].ShortTag() == "!!int" && !strings.HasPrefix(values[0].Value, "-") && values[0].Value != "18446744073709551615":
		return "number"
	case values[0].ShortTag() == "!!int" || values[0].ShortTag() == "!!float":
		return "-"
	case strings.HasPrefix(values[0].Value, "202") && strings.Contains(values[0].Value, "T"):
		return "time"
	}
	if values[0].Value == "" {
		return "empty" // a list of one empty text is as none
	}
	return "text"
}

func TestTheEngineKeepsToTheGoldenCases(t *testing.T) {
	text, err := os.ReadFile("../sigma/testdata/meaning.yml")
	if err != nil {
		t.Fatal(err)
	}
	var rows []goldenRow
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	tried, without := 0, 0
	for _, r := range rows {
		t.Run(r.Case+" "+r.Means, func(t *testing.T) {
			for i, n := range append(r.Matches, r.Not...) {
				homed := tryEvent(t, &r, &n, i < len(r.Matches))
				if tried += homed; homed == 0 {
					without++
				}
			}
		})
	}
	t.Logf("%d events tried, %d have values that no field of ours can have", tried, without)
	if tried < 400 || without > 12 {
		t.Errorf("%d events tried, %d without a field", tried, without)
	}
}

// tryEvent runs one event of a row in each of its homes, and returns how many.
func tryEvent(t *testing.T, r *goldenRow, n *yaml.Node, want bool) (tried int) {
	values := map[string][]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.SequenceNode {
			values[n.Content[i].Value] = v.Content
		} else {
			values[n.Content[i].Value] = []*yaml.Node{v}
		}
	}
	for _, f := range homes["F"][kindOf(values["F"])] {
		for _, g := range homes["G"][kindOf(values["G"])] {
			for _, number := range homes["N"][kindOf(values["N"])] {
				home := map[string]string{"F": f, "G": g, "N": number}
				d := event.NewDraft(event.Header{Type: event.TypeFilesystem, Operation: event.OpCreate, WallNs: -1}, event.Origin{})
				for name, all := range values {
					for _, v := range all {
						if v.ShortTag() != "!!null" {
							d.Set(home[name], v.Value)
						}
					}
				}
				v := parsed(t, d.Append(nil))
				rules := read(t, r.document(), sigma.Options{Placeholders: r.Placeholders})
				for _, rule := range rules {
					rehome(rule, home)
				}
				e := New(rules, Options{})
				if len(e.Inactive()) > 0 {
					t.Fatal(e.Inactive()[0].Reason)
				}
				place := fmt.Sprintf("line %d of the row, in %s, %s, %s", n.Line, f, g, number)
				if got := rules[0].Match(AsEvent(v)); got != want {
					t.Errorf("%s: the rule matches: %v, want %v", place, got, want)
				}
				if got := len(e.Matcher().Match(v)) == 1; got != want {
					t.Errorf("%s: the engine matches: %v, want %v", place, got, want)
				}
				tried++
			}
		}
	}
	return tried
}

func rehome(r *sigma.Rule, home map[string]string) {
	r.LogSource = sigma.LogSource{Category: "file_event"}
	seen := map[*expr.Atom]bool{} // a selection may stand in several conditions
	expr.Walk(r.Condition, func(a *expr.Atom) {
		if a.Field == "" || seen[a] {
			return
		}
		seen[a] = true
		a.Field = home[a.Field]
		if same, ok := a.Test.(expr.Same); ok {
			same.Field = home[same.Field]
			a.Test = same
		}
	})
}
