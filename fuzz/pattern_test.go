package fuzz

import (
	"regexp"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// FuzzPattern gives any text as pattern and as topic. What the parser and the
// matcher give must be what the definitions give, which are written down here a
// second time, without any regard to speed.
func FuzzPattern(f *testing.F) {
	f.Fuzz(func(t *testing.T, pattern, topic string, wildcards bool) {
		p, err := router.ParsePattern(pattern, wildcards)
		if ok := isPattern(pattern, wildcards); ok != (err == nil) {
			t.Fatalf("pattern %q, wildcards %v: %v, want it valid: %v", pattern, wildcards, err, ok)
		}
		if err != nil {
			if frame.CodeOf(err) != frame.CodePattern {
				t.Errorf("pattern %q: %v is not ErrPattern", pattern, err)
			}
			return
		}
		if p.String() != pattern || p.Literal() != !strings.ContainsAny(pattern, "+*#") {
			t.Errorf("pattern %q is said to be %q, literal %v", pattern, p, p.Literal())
		}
		if err := frame.CheckTopic(topic); (err == nil) != isPattern(topic, false) {
			t.Errorf("topic %q: %v", topic, err)
		}
		if isPattern(topic, false) {
			if got, want := p.Match(topic), matches(strings.Split(pattern, "."), strings.Split(topic, ".")); got != want {
				t.Errorf("pattern %q on %q: %v, want %v", pattern, topic, got, want)
			}
		}
		covers(t, p, topic)
	})
}

// covers tries whether what p should cover it does: q, a topic or a pattern,
// with its wildcards filled in some way, is a topic that p must match.
func covers(t *testing.T, p router.Pattern, q string) {
	if !p.Covers(q) {
		return
	}
	if !isPattern(q, true) {
		t.Fatalf("%q is said to cover %q, which is no pattern", p, q)
	}
	for _, fill := range []struct{ one, many, any string }{{"x", "x", ""}, {"y", "x.y", ".x"}, {"x", "x.y.z", ".x.y.z"}} {
		topic := strings.TrimPrefix(strings.NewReplacer(".#", fill.any, "#", "x"+fill.any, "+", fill.one).Replace(q), ".")
		if rest, ok := strings.CutSuffix(topic, "*"); ok {
			topic = rest + fill.many
		}
		topic = strings.ReplaceAll(topic, "*", fill.one)
		if frame.CheckTopic(topic) == nil && !p.Match(topic) {
			t.Errorf("%q is said to cover %q, but does not match %q", p, q, topic)
		}
	}
}

var segment = regexp.MustCompile(`^[a-z0-9_-]+$`)

// isPattern is the definition of a pattern, or without wildcards of a topic.
func isPattern(text string, wildcards bool) bool {
	segments := strings.Split(text, ".")
	if len(text) > 255 || len(segments) > 8 {
		return false
	}
	for i, s := range segments {
		wild := s == "+" || s == "*" || s == "#" && i == len(segments)-1
		if !segment.MatchString(s) && !(wildcards && wild) {
			return false
		}
	}
	return true
}

// matches is the definition of matching.
func matches(pattern, topic []string) bool {
	switch {
	case len(pattern) == 1 && pattern[0] == "#":
		return true
	case len(pattern) == 1 && pattern[0] == "*":
		return len(topic) >= 1
	case len(pattern) == 0 || len(topic) == 0:
		return len(pattern) == len(topic)
	case pattern[0] == "+" || pattern[0] == "*" || pattern[0] == topic[0]:
		return matches(pattern[1:], topic[1:])
	}
	return false
}
