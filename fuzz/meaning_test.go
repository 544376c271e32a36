package fuzz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	ac "github.com/BobuSumisu/aho-corasick"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// processStart returns an event with a command line.
func processStart(t *testing.T, line string) event.View {
	t.Helper()
	d := event.NewDraft(event.Header{Type: event.TypeProcess, Operation: event.OpStart, PID: 7}, event.Origin{Host: "h"})
	d.Set("process.command_line", line)
	v, err := event.Parse(d.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lineOf returns the command line that an event has, which may be shorter than the one it
// was made with.
func lineOf(v event.View) string {
	f, _ := event.FieldByName(event.TableProcess, "CommandLine")
	return string(v.Text(f))
}

// FuzzSigmaSubstrings holds three answers against each other: the engine's, the meaning of
// the rules, and that of an Aho-Corasick automaton. Each word, between spaces, is a rule
// of its own.
func FuzzSigmaSubstrings(f *testing.F) {
	f.Add("curl sh /tmp/ -c ä K ſ \xff <", "SH -c Curl http://x | sh >/TMP/\u212A")
	f.Add("a aa aaa aaaa aaaaa", "aaAaaA")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, words, line string) {
		var text strings.Builder
		var all []string
		for _, w := range strings.Split(words, " ") {
			// YAML and the wildcards of Sigma have targets of their own.
			if w == "" || len(all) == 200 || !utf8.ValidString(w) || strings.ContainsAny(w, `*?\`) || slices.Contains(all, w) {
				continue
			}
			fmt.Fprintf(&text, "---\ntitle: r%d\nlogsource: {category: process_creation}\nlevel: low\ndetection: {a: {CommandLine|contains: %s}, condition: a}\n", len(all), strconv.Quote(w))
			all = append(all, w)
		}
		rules := sigma.Parse("x", []byte(text.String()), sigma.Options{}).Rules
		if len(rules) != len(all) {
			return // YAML has no such escape, or no such character
		}
		v := processStart(t, line)
		folded := make([]string, len(all))
		for i, w := range all {
			folded[i] = expr.Fold(w)
		}
		found := map[string]bool{}
		if len(all) > 0 {
			for _, m := range ac.NewTrieBuilder().AddStrings(folded).Build().MatchString(expr.Fold(lineOf(v))) {
				found[m.MatchString()] = true
			}
		}
		matched := map[*sigma.Rule]bool{}
		for _, m := range engine.New(rules, engine.Options{}).Matcher().Match(v) {
			matched[m.Rule] = true
		}
		for i, r := range rules {
			if means, finds := r.Match(engine.AsEvent(v)), found[folded[i]]; means != finds || matched[r] != means {
				t.Errorf("%q in %q: the rule %v, the automaton %v, the engine %v", all[i], line, means, finds, matched[r])
			}
		}
	})
}

// FuzzSigmaPattern holds that a value with wildcards means the same to the engine, to the
// rule, and to a definition of a few lines.
func FuzzSigmaPattern(f *testing.F) {
	f.Add(`a*b?c`, "axxbäc")
	f.Add(`\*\\?*`, `*\x`)
	f.Add(`*a*a*a*b`, strings.Repeat("a", 40))
	f.Add("", "")
	f.Fuzz(func(t *testing.T, value, line string) {
		if !utf8.ValidString(value) || len(value) > 200 || len(line) > 2000 {
			return
		}
		text := "title: r\nlogsource: {category: process_creation}\nlevel: low\ndetection: {a: {CommandLine: " + strconv.Quote(value) + "}, condition: a}\n"
		rules := sigma.Parse("x", []byte(text), sigma.Options{}).Rules
		if len(rules) != 1 {
			return // YAML has no such escape, or no such character
		}
		v := processStart(t, line)
		f, _ := event.FieldByName(event.TableProcess, "CommandLine")
		there := v.Text(f) != nil
		want := there && patternMatches(patternPieces(value), []rune(replaced(lineOf(v))))
		got := rules[0].Match(engine.AsEvent(v))
		finds := len(engine.New(rules, engine.Options{}).Matcher().Match(v)) == 1
		if got != want || finds != want {
			t.Errorf("%q and %q: the definition %v, the rule %v, the engine %v", value, line, want, got, finds)
		}
	})
}

// replaced gives each byte that is no character a character of its own, which no text has
// otherwise: of a private area.
func replaced(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			r = 0x10FF00 + rune(s[0])
		}
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String()
}

const (
	one  rune = -1
	many rune = -2
)

// patternPieces reads a value: runes, one and many.
func patternPieces(value string) (all []rune) {
	rs := []rune(value)
	for i := 0; i < len(rs); i++ {
		switch {
		case rs[i] == '\\' && i+1 < len(rs) && strings.ContainsRune(`\*?`, rs[i+1]):
			i++
			all = append(all, rs[i])
		case rs[i] == '*':
			all = append(all, many)
		case rs[i] == '?':
			all = append(all, one)
		default:
			all = append(all, rs[i])
		}
	}
	return all
}

// patternMatches is the definition: for each piece, the places that the text may have come to.
func patternMatches(p, s []rune) bool {
	at := make([]bool, len(s)+1)
	at[0] = true
	for _, x := range p {
		next := make([]bool, len(s)+1)
		for i := range at {
			switch {
			case x == many:
				next[i] = at[i] || i > 0 && next[i-1]
			case i > 0 && at[i-1] && (x == one || strings.EqualFold(string(x), string(s[i-1]))):
				next[i] = true
			}
		}
		at = next
	}
	return at[len(s)]
}

// FuzzSigmaFold holds that two texts are the same to a rule, and to the engine, where
// strings.EqualFold has them for the same.
func FuzzSigmaFold(f *testing.F) {
	f.Add("kKsS\u00e4", "\u212a\u212a\u017f\u017f\u00c4")
	f.Add("stra\u00dfe \u03c2", "STRA\u1e9eE \u03a3")
	f.Add("i\u0131", "I\u0130")
	f.Fuzz(func(t *testing.T, value, line string) {
		if !utf8.ValidString(value) || !utf8.ValidString(line) || value == "" || strings.ContainsAny(value, `*?\`) {
			return
		}
		text := "title: r\nlogsource: {category: process_creation}\nlevel: low\ndetection: {a: {CommandLine: " + strconv.Quote(value) + "}, condition: a}\n"
		rules := sigma.Parse("x", []byte(text), sigma.Options{}).Rules
		if len(rules) != 1 {
			return // YAML has no such escape, or no such character
		}
		v := processStart(t, line)
		want := strings.EqualFold(value, lineOf(v))
		if got := rules[0].Match(engine.AsEvent(v)); got != want {
			t.Errorf("%q is %q to the rule: %v, want %v", line, value, got, want)
		}
		if got := len(engine.New(rules, engine.Options{}).Matcher().Match(v)) == 1; got != want {
			t.Errorf("%q is %q to the engine: %v, want %v", line, value, got, want)
		}
	})
}
