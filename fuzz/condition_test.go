package fuzz

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// FuzzSigmaCondition holds that any text is a condition or a problem, and that a condition
// means what a reading from left to right of its own grammar gives.
func FuzzSigmaCondition(f *testing.F) {
	for _, text := range []string{"a", "not a and b or c", "1 of a* and not (b or all of them)", "any of s_* or NOT c", "((a)", "a b", "1 of", "not not not a", "all of _*"} {
		f.Add(text, uint8(0b1010))
	}
	names := []string{"a", "b", "c", "a1", "s_x", "_h"}
	f.Fuzz(func(t *testing.T, text string, truth uint8) {
		if !utf8.ValidString(text) || len(text) > 500 {
			return
		}
		doc := "title: r\nlogsource: {category: process_creation}\nlevel: low\ndetection:\n"
		holds := map[string]bool{}
		for i, name := range names {
			holds[name] = truth>>i&1 != 0
			doc += fmt.Sprintf("  %s: {F: %v}\n", name, holds[name])
		}
		file := sigma.Parse("x", []byte(doc+"  condition: "+strconv.Quote(text)+"\n"), sigma.Options{})
		want, ok := readCondition(text, names, holds)
		if len(file.Rules) == 1 != ok {
			if len(file.Problems) > 0 && strings.Contains(file.Problems[0].Error(), "not YAML") || strings.ContainsAny(text, "\\\x00\u0085\u2028\u2029\ufeff") {
				return
			}
			t.Fatalf("%q is read: %v, and by the grammar: %v; %v", text, len(file.Rules) == 1, ok, file.Problems)
		}
		if ok {
			if got := file.Rules[0].Match(sameText("true")); got != want {
				t.Errorf("%q with %v: %v, want %v", text, holds, got, want)
			}
		}
	})
}

// sameText is an event that has one text in each field.
type sameText string

func (s sameText) Field(string) []expr.Value { return []expr.Value{expr.TextValue(string(s))} }
func (s sameText) Texts() []string           { return []string{string(s)} }

// readCondition evaluates a condition while it reads it.
func readCondition(text string, names []string, holds map[string]bool) (value, ok bool) {
	r := &conditionReader{names: names, holds: holds}
	word := []byte(nil)
	flush := func() {
		if len(word) > 0 {
			r.tokens = append(r.tokens, string(word))
		}
		word = nil
	}
	for _, c := range []byte(text) {
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), c) >= 0:
			flush()
		case c == '(' || c == ')' || c == '|':
			flush()
			r.tokens = append(r.tokens, string(c))
		default:
			word = append(word, c)
		}
	}
	flush()
	if slices.Contains(r.tokens, "|") {
		return false, false
	}
	value = r.or()
	return value, !r.wrong && r.at == len(r.tokens)
}

type conditionReader struct {
	names  []string
	holds  map[string]bool
	tokens []string
	at     int
	depth  int
	wrong  bool
}

func (r *conditionReader) peek() string {
	if r.at < len(r.tokens) {
		return r.tokens[r.at]
	}
	return ""
}

// is reports whether the token is the word, in either case.
func (r *conditionReader) is(word string) bool {
	return r.peek() == word || r.peek() == strings.ToUpper(word)
}

func (r *conditionReader) or() bool {
	v := r.and()
	for !r.wrong && r.is("or") {
		r.at++
		v = r.and() || v
	}
	return v
}

func (r *conditionReader) and() bool {
	v := r.not()
	for !r.wrong && r.is("and") {
		r.at++
		v = r.not() && v
	}
	return v
}

func (r *conditionReader) not() bool {
	r.depth++
	defer func() { r.depth-- }()
	t := r.peek()
	switch {
	case r.depth > 64, t == "", t == ")", r.is("and"), r.is("or"):
		r.wrong = true
		return false
	case r.is("not"):
		r.at++
		return !r.not()
	case t == "(":
		r.at++
		v := r.or()
		if r.peek() != ")" {
			r.wrong = true
		}
		r.at++
		return v
	}
	r.at++
	if !r.is("of") {
		v, ok := r.holds[t]
		r.wrong = r.wrong || !ok
		return v
	}
	r.at++
	pattern := r.peek()
	r.at++
	return r.of(strings.ToLower(t), pattern)
}

func (r *conditionReader) of(quantity, pattern string) bool {
	if quantity != "1" && quantity != "any" && quantity != "all" || pattern == "" || pattern == "(" || pattern == ")" {
		r.wrong = true
		return false
	}
	if pattern == "them" || pattern == "THEM" {
		pattern = "*"
	}
	n, yes := 0, 0
	for _, name := range r.names {
		if strings.HasPrefix(name, "_") && !strings.HasPrefix(pattern, "_") || !wild(pattern, name) {
			continue
		}
		n++
		if r.holds[name] {
			yes++
		}
	}
	if n == 0 {
		r.wrong = true
		return false
	}
	return quantity == "all" && yes == n || quantity != "all" && yes > 0
}

// wild reports whether a name is that of a pattern.
func wild(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		return wild(pattern[1:], name) || name != "" && wild(pattern, name[1:])
	}
	return name != "" && pattern[0] == name[0] && wild(pattern[1:], name[1:])
}
