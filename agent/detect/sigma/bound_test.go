package sigma_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// TestAShortTextDoesNotBecomeALargeRule: each of these few kilobytes stands for hundreds
// of megabytes and more.
func TestAShortTextDoesNotBecomeALargeRule(t *testing.T) {
	long := strings.Repeat("A", 50_000)
	many := func(text string, n int) string { return strings.TrimSuffix(strings.Repeat(text+", ", n), ", ") }
	list := "&l [" + many("x", 1000) + "]"
	lists := "&m [*l, " + many("*l", 1000) + "]"
	item := func(text string) string { return rule("x", "s: {"+text+"}\ncondition: s") }
	for _, tt := range []struct{ name, text string }{
		{"offsets of offsets", item("F|" + strings.Repeat("base64offset|", 14) + "contains: aaaaaaaa")},
		{"dashes of dashes", item("F|windash|windash|windash: '-a -b -c -d'")},
		{"encoded again and again", item("F|" + strings.Repeat("base64|", 80) + "contains: a")},
		{"wide again and again", item("F|" + strings.Repeat("wide|", 40) + "contains: a")},
		{"dashes in a long text", item("F|windash: '-a -b -c " + long + "'")},
		{"expressions", item(`F|re: [` + many(`'\w{999}'`, 600) + "]")},
		{"a long text many times", item("F: [&v '" + long + "', " + many("*v", 1000) + "]")},
		{"a condition that names all many times", rule("x", "s: {F: ["+many("x", 1000)+"]}\ncondition: "+strings.Repeat("s or ", 100)+"s")},
		{"patterns that name all many times", rule("x", strings.Join([]string{"a", "b", "c", "d", "e", "f", "g", "h", ""}, ": {F: x}\n")+"condition: "+strings.Repeat("1 of * or ", 1600)+"a")},
		{"examples with lists of lists", "own: [" + list + ", " + lists + "]\nexamples: {matches: [" + many("{F: *m}", 50) + "]}\n" + item("F: a")},
		{"examples with a long text", "examples: {matches: [{F: &v '" + long + "'}, " + many("{F: *v}", 1000) + "]}\n" + item("F: a")},
		{"an example that is in itself", "examples: {matches: [&e {F: *e}]}\n" + item("F: a")},
		{"a title", "name: x\n" + strings.Replace(item("F: a"), "title: x", "title: "+long, 1)},
		{"a name", "name: " + long + "\n" + item("F: a")},
		{"an id", "id: " + long + "\n" + item("F: a")},
		{"a field", item("? " + long + "\n  : a")},
		{"a category", strings.Replace(item("F: a"), "category: c", "category: "+long, 1)},
		{"a group", "title: x\nlevel: low\ncorrelation: {type: event_count, rules: [a], group-by: [" + long + "], timespan: 1m, condition: {gte: 2}}\n"},
		{"a tag", "tags: [" + long + "]\n" + item("F: a")},
		{"many tags", "tags: [" + many("a", 200) + "]\n" + item("F: a")},
		{"tags", "tags: [&v '" + long + "', " + many("*v", 1000) + "]\n" + item("F: a")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := sigma.Parse("x.yml", []byte(tt.text), sigma.Options{})
			if len(f.Rules) > 0 || len(f.Problems) != 1 {
				t.Fatalf("%d rules, problems %.500v", len(f.Rules), f.Problems)
			}
			if text := f.Problems[0].Error(); !strings.Contains(text, "more than") && !strings.Contains(text, "of at most") {
				t.Errorf("the problem is %s", text)
			}
		})
	}
}

// TestRulesOfASetHaveOneBound: rules that are each within it, and too much together. Those
// before stay, and what a rule that is not read took is free again.
func TestRulesOfASetHaveOneBound(t *testing.T) {
	text := "s: {F: [&v '" + strings.Repeat("a", 100_000) + "'" + strings.Repeat(", *v", 119) + "]}\ncondition: s"
	var s sigma.Set
	for i := range 4 {
		s.Add(fmt.Sprintf("%d.yml", i), []byte(rule(fmt.Sprint("r", i), text)), sigma.Options{})
	}
	s.Add("small.yml", []byte(rule("small", "s: {F: a}\ncondition: s")), sigma.Options{})
	if len(s.Rules) != 3 || s.Rules[2].Title != "small" || len(s.Problems) != 2 || !errors.Is(s.Problems[0], document.ErrLimit) {
		t.Errorf("%d rules, %v", len(s.Rules), s.Problems)
	}
}

// TestATagIsNotBelieved: YAML lets a document call any text a truth value.
func TestATagIsNotBelieved(t *testing.T) {
	for _, item := range []string{"F: !!bool ''", "F|exists: !!bool ''", "F: !!bool maybe", "F: !!int ''", "F: !!float x", "F: [a, !!bool '']", "F|contains: !!bool ''"} {
		f := sigma.Parse("x.yml", []byte(rule("x", "s: {"+item+"}\ncondition: s")), sigma.Options{})
		if len(f.Rules) > 0 || len(f.Problems) != 1 || !errors.Is(f.Problems[0], document.ErrValue) {
			t.Errorf("%s: %d rules, %v", item, len(f.Rules), f.Problems)
		}
	}
	for _, text := range []string{"---\n...\n", "...\n", "--- |\n", "---\n---\n", "\ufeff", "--- !!map\n", "*a\n", "&a\n", "? \n", "title: [\n", "!!binary x\n"} {
		if f := sigma.Parse("x.yml", []byte(text), sigma.Options{}); len(f.Rules) > 0 || len(f.Problems) == 0 {
			t.Errorf("%q: %d rules, %v", text, len(f.Rules), f.Problems)
		}
	}
}

func correlation(name, of string) string {
	return "---\ntitle: " + name + "\nname: " + name + "\nlevel: low\ncorrelation: {type: event_count, rules: [" + of + "], timespan: 1m, condition: {gte: 2}}\n"
}

// TestManyCorrelationsThatCountEachOther take time in proportion to their number: a long
// chain, a large circle, and many that name what is not there.
func TestManyCorrelationsThatCountEachOther(t *testing.T) {
	const n = 2_000
	var chain, circle, wrong strings.Builder
	for i := range n {
		chain.WriteString(correlation(fmt.Sprint("chain", i), fmt.Sprint("chain", i+1)))
		circle.WriteString(correlation(fmt.Sprint("circle", i), fmt.Sprint("circle", (i+1)%n)))
		wrong.WriteString(correlation(fmt.Sprint("wrong", i), fmt.Sprint("wrnog", i)))
	}
	chain.WriteString("---\nname: chain2000\n" + rule("r", "s: {F: a}\ncondition: s"))
	var s sigma.Set
	for _, b := range []*strings.Builder{&chain, &circle, &wrong} {
		s.Add("x.yml", []byte(b.String()), sigma.Options{})
	}
	s.Finish()
	var left []string
	for _, c := range s.Correlations {
		left = append(left, c.Name)
	}
	slices.Sort(left)
	if len(left) != 16 || left[0] != "chain1984" || len(s.Problems) != 3*n-16 {
		t.Errorf("%d left, %d problems: %.100q", len(left), len(s.Problems), left)
	}
	count := map[string]int{}
	for _, p := range s.Problems {
		switch {
		case strings.Contains(p.Reason, "more than 16 deep"):
			count["deep"]++
		case strings.Contains(p.Reason, "counts itself"):
			count["circle"]++
		case strings.Contains(p.Reason, "no rule has"):
			count["wrong"]++
		}
	}
	if diff := cmp.Diff(map[string]int{"deep": n - 16, "circle": n, "wrong": n}, count); diff != "" {
		t.Error(diff)
	}
}

// TestAFilterForAllRulesHasABound: it is added to each of them.
func TestAFilterForAllRulesHasABound(t *testing.T) {
	var rules strings.Builder
	for i := range 1000 {
		rules.WriteString("---\n" + rule(fmt.Sprint("r", i), "s: {F: a}\ncondition: s"))
	}
	filter := func(name, values string) string {
		return "---\ntitle: " + name + "\nlogsource: {category: c}\nfilter: {rules: any, s: {F: [" + values + "]}, condition: not s}\n"
	}
	var s sigma.Set
	s.Add("x.yml", []byte(rules.String()+filter("small", "b")+filter("large", "b"+strings.Repeat(", b", 999))+filter("other", "c")), sigma.Options{})
	s.Finish()
	if n := len(s.Rules[0].Filters); n != 2 || len(s.Problems) != 1 || s.Problems[0].Rule != "large" {
		t.Errorf("%d filters of the first rule, %v", n, s.Problems)
	}
	if s.Rules[0].Match(fields{"F": {expr.TextValue("a")}}) != true {
		t.Error("the rule does not match any more")
	}
}

// TestFoldersAreReadThroughLinks, each once, also where a link leads back up.
func TestFoldersAreReadThroughLinks(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		dir + "/a/one.yml": "one", dir + "/.git/config.yml": "hidden", dir + "/a/.#one.yml": "lock", dir + "/notes.txt": "text",
		other + "/sub.d/two.yaml": "two", other + "/three.yml": "three",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"community": other, "a/back": dir, "again": "a", "single.yml": other + "/three.yml", "nowhere.yml": "missing", "gone": "missing", "old.txt": "missing", ".#lock": "nobody@host",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, f := range sigma.ReadFiles([]string{dir, dir + "/missing"}, true) {
		text := string(f.Text)
		if f.Err != nil {
			text = "error"
		}
		got = append(got, strings.TrimPrefix(f.Path, dir)+" "+text)
	}
	want := []string{"/a/one.yml one", "/community/sub.d/two.yaml two", "/community/three.yml three", "/gone error", "/nowhere.yml error", "/single.yml three"}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
