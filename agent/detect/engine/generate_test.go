package engine

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// Rules and events are made of few pieces, so that they meet. Some differ in case
// only, also outside of ASCII; in events there are bytes that are no character.
var (
	pieces      = []string{"a", "B", "b", "/bin", "/SH", "sh", "curl", "-c", " ", "Ä", "ä", "k", "\u212A", "ſ", "s", "xyz", "5", "é", "€"}
	rulePieces  = append([]string{"*", "?", `\`, `\*`, "/a", "-b"}, pieces...)
	eventPieces = append([]string{"\xff", "\xe2\x82", "*", `\`, "\n"}, pieces...)

	textFields   = []string{"Image", "CommandLine", "ParentImage", "ParentCommandLine", "User", "process.args", "process.ancestors.name", "host.name", "labels.env", "process.entity_id"}
	numberFields = []string{"ProcessId", "ParentProcessId", "user.id", "process.ancestors.pid", "event.sequence"}
	timeFields   = []string{"UtcTime", "process.start"}
)

func textOf(t *rapid.T, pieces []string, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 4).Draw(t, label), "")
}

// drawRule returns a rule as text.
func drawRule(t *rapid.T, i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "title: rule %d\nlogsource: {category: process_creation}\nlevel: low\ndetection:\n", i)
	n := rapid.IntRange(1, 3).Draw(t, "selections")
	for j := range n {
		fmt.Fprintf(&b, "  s%d:\n", j)
		if rapid.IntRange(0, 9).Draw(t, "keywords") == 0 {
			for range rapid.IntRange(1, 2).Draw(t, "words") {
				fmt.Fprintf(&b, "    - %s\n", quote(textOf(t, rulePieces, "keyword")))
			}
			continue
		}
		seen := map[string]bool{}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			key, values := drawItem(t)
			if !seen[key] {
				seen[key] = true
				fmt.Fprintf(&b, "    %s: [%s]\n", quote(key), strings.Join(values, ", "))
			}
		}
	}
	fmt.Fprintf(&b, "  condition: %s\n", drawCondition(t, n, 0))
	return b.String()
}

func drawItem(t *rapid.T) (key string, values []string) {
	kind := rapid.SampledFrom([]string{"text", "text", "text", "text", "number", "time", "exists", "null", "field", "regex", "cidr", "bool"}).Draw(t, "kind")
	field := rapid.SampledFrom(textFields).Draw(t, "field")
	add := func(s string) { values = append(values, s) }
	count := rapid.IntRange(1, 4).Draw(t, "values")
	switch kind {
	case "text":
		field = rapid.SampledFrom(append(append(timeFields, numberFields...), append(textFields, textFields...)...)).Draw(t, "any field")
		key = field + rapid.SampledFrom([]string{"", "|contains", "|contains", "|startswith", "|endswith", "|endswith", "|contains|all", "|cased", "|contains|cased", "|neq", "|contains|windash", "|wide", "|wide|contains"}).Draw(t, "modifiers")
		for range count {
			add(quote(textOf(t, rulePieces, "value")))
		}
	case "number":
		field = rapid.SampledFrom(append(append(timeFields, numberFields...), textFields...)).Draw(t, "number field")
		key = field + rapid.SampledFrom([]string{"", "", "|lt", "|gte", "|contains"}).Draw(t, "modifiers")
		for range count {
			add(strconv.Itoa(rapid.IntRange(-1, 12).Draw(t, "number")))
		}
	case "time":
		key = rapid.SampledFrom(timeFields).Draw(t, "time field") + rapid.SampledFrom([]string{"|hour", "|minute|gte", "|day", "|week|lt", "|year"}).Draw(t, "part")
		add(strconv.Itoa(rapid.IntRange(0, 60).Draw(t, "number")))
	case "exists":
		return field + "|exists", []string{rapid.SampledFrom([]string{"true", "false"}).Draw(t, "exists")}
	case "null":
		return field, []string{"null"}
	case "field":
		key = field + "|fieldref" + rapid.SampledFrom([]string{"", "|startswith", "|contains", "|neq", "|endswith|cased"}).Draw(t, "how")
		add(rapid.SampledFrom(append(textFields, numberFields...)).Draw(t, "other"))
	case "regex":
		key = field + rapid.SampledFrom([]string{"|re", "|re|i", "|re|s"}).Draw(t, "flags")
		add(quote(rapid.SampledFrom([]string{`cu[rR]l.*sh`, `^/bin/(sh|xyz)`, `(a|b)+k`, `\d{1,2}$`, `sh?b`, `(curl|-c) (a|b)`, `ä|é`, `[ab]c?url`, `k+`, `x[yY]z|/SH`, `(?i)s€`}).Draw(t, "expression")))
	case "cidr":
		key = "host.name|cidr"
		add(quote(rapid.SampledFrom([]string{"10.0.0.0/8", "::/0", "10.5.5.5"}).Draw(t, "network")))
	case "bool":
		key = rapid.SampledFrom(append(numberFields, textFields...)).Draw(t, "bool field")
		add("true")
	}
	return key, values
}

func drawCondition(t *rapid.T, n, depth int) string {
	if depth > 2 {
		return "s0"
	}
	sub := func() string { return drawCondition(t, n, depth+1) }
	switch rapid.IntRange(0, 7).Draw(t, "condition") {
	case 0:
		return "(" + sub() + " and " + sub() + ")"
	case 1:
		return "(" + sub() + " or " + sub() + ")"
	case 2:
		return "not " + sub()
	case 3:
		return "1 of s*"
	case 4:
		return "all of them"
	}
	return fmt.Sprintf("s%d", rapid.IntRange(0, n-1).Draw(t, "name"))
}

// quote writes a text as YAML does between double quotes.
func quote(s string) string { return strconv.Quote(s) }

func drawEvent(t *rapid.T) event.View {
	d := event.NewDraft(event.Header{
		Type: event.TypeProcess, Operation: event.OpStart,
		Flags:  event.Flags(rapid.SampledFrom([]uint64{0, 0, 0, 1 << 1, 1 << 2, 1 << 4}).Draw(t, "flags")),
		WallNs: rapid.Int64Range(0, 2e18).Draw(t, "wall"),
	}, event.Origin{})
	for _, name := range []string{"process.executable", "process.parent.executable", "process.parent.command_line", "user.name", "host.name", "labels.env"} {
		if rapid.IntRange(0, 4).Draw(t, name) > 0 {
			d.Set(name, textOf(t, eventPieces, "text"))
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "address") == 0 {
		d.Set("host.name", rapid.SampledFrom([]string{"10.5.5.5", "::ffff:10.1.1.1", "fe80::1%eth0"}).Draw(t, "host"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "arguments") {
		d.Set("process.args", textOf(t, eventPieces, "argument"))
	}
	for _, name := range []string{"process.pid", "process.parent.pid", "user.id", "event.sequence", "daemoneye.start_ticks"} {
		if rapid.Bool().Draw(t, name) {
			d.Set(name, strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "number")))
		}
	}
	d.Set("host.boot.id", "00112233-4455-6677-8899-aabbccddeeff")
	if rapid.Bool().Draw(t, "extra") {
		d.Keep("vendor.note", textOf(t, eventPieces, "note"))
	}
	return parsed(t, d.Append(nil))
}

func parsed(t rapid.TB, b []byte) event.View {
	t.Helper()
	v, err := event.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// read returns the rules of a text, which has to be right.
func read(t rapid.TB, text string, o sigma.Options) []*sigma.Rule {
	t.Helper()
	var s sigma.Set
	s.Add("test.yml", []byte(text), o)
	s.Finish()
	for _, p := range s.Problems {
		if !p.Warning {
			t.Fatalf("%v\n%s", p, text)
		}
	}
	return s.Rules
}

// compare holds that the engine finds what the rules mean.
func compare(t rapid.TB, rules []*sigma.Rule, m *Matcher, v event.View) (matches int) {
	t.Helper()
	got := map[*sigma.Rule]int{}
	for _, x := range m.Match(v) {
		got[x.Rule]++
	}
	for _, r := range rules {
		want := 0
		if r.Match(AsEvent(v)) {
			want = 1
			matches++
		}
		if got[r] != want {
			t.Fatalf("%s: the engine matches %d times, the rule %d times\n%s", r.Label(), got[r], want, r.Sources)
		}
	}
	return matches
}

func TestTheEngineFindsWhatTheRulesMean(t *testing.T) {
	matches, pairs := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		n := rapid.IntRange(1, 8).Draw(t, "rules")
		for i := range n {
			text += "---\n" + drawRule(t, i)
		}
		var rules []*sigma.Rule
		f := sigma.Parse("generated.yml", []byte(text), sigma.Options{})
		rules = f.Rules
		for _, p := range f.Problems {
			if !p.Warning {
				t.Logf("%v", p)
			}
		}
		e := New(rules, Options{})
		if len(e.Active()) != len(rules) {
			t.Fatalf("inactive: %v", e.Inactive())
		}
		m := e.Matcher()
		for range 4 {
			matches += compare(t, rules, m, drawEvent(t))
			pairs += len(rules)
		}
	})
	if matches*50 < pairs {
		t.Errorf("%d of %d pairs match: the generators do not meet", matches, pairs)
	}
}
