package topic

import (
	"fmt"
	"strings"

	"github.com/daemoneye/eventbus/frame"
)

// Pattern is a checked topic pattern: a topic whose segments may be wildcards.
//
//	"+"  one segment, anywhere
//	"#"  zero or more segments, last only
//	"*"  one segment, or at the end one or more
//
// So "events.#" matches "events" and everything below it, and "events.*" only what is
// below it. The table of examples is testdata/patterns.txt.
// The zero Pattern matches nothing. Patterns are immutable.
type Pattern struct {
	text     string
	segments []string
	tail     byte // '#' or '*' when the last segment takes any number, else 0
	literal  bool
}

// ParsePattern parses text as a pattern. If wildcards is false, text must be a plain topic,
// and a wildcard in it is an error. Errors wrap frame.ErrPattern and name the segment.
func ParsePattern(text string, wildcards bool) (Pattern, error) {
	if text == "" || len(text) > frame.MaxTopic {
		return Pattern{}, fmt.Errorf("%w: %d bytes long, want 1 to %d", frame.ErrPattern, len(text), frame.MaxTopic)
	}
	segments := strings.Split(text, ".")
	if len(segments) > frame.MaxSegments {
		return Pattern{}, fmt.Errorf("%w %q: %d segments, want at most %d", frame.ErrPattern, text, len(segments), frame.MaxSegments)
	}
	p := Pattern{text: text, segments: segments, literal: true}
	for i, s := range segments {
		switch s {
		case "+", "*", "#":
			if !wildcards {
				return Pattern{}, fmt.Errorf("%w %q: segment %d is a wildcard, and enable_wildcards is false", frame.ErrPattern, text, i+1)
			}
			p.literal = false
			last := i == len(segments)-1
			if s == "#" && !last {
				return Pattern{}, fmt.Errorf("%w %q: # may only be the last segment", frame.ErrPattern, text)
			}
			if last && s != "+" {
				p.tail = s[0]
				p.segments = segments[:i]
			}
		default:
			if err := checkSegment(s); err != nil {
				return Pattern{}, fmt.Errorf("%w %q: segment %d: %v", frame.ErrPattern, text, i+1, err)
			}
		}
	}
	return p, nil
}

func checkSegment(s string) error {
	if s == "" {
		return fmt.Errorf("is empty")
	}
	for _, c := range []byte(s) {
		ok := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
		if !ok {
			return fmt.Errorf("holds %q, want only a-z, 0-9, _ and -, or a wildcard that fills the whole segment", c)
		}
	}
	return nil
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Segments returns how many segments the pattern has. A last segment that stands for any
// number of segments does not count.
func (p Pattern) Segments() int { return len(p.segments) }

// Literal reports whether the pattern holds no wildcard. It then matches only the topic
// that is spelt like it.
func (p Pattern) Literal() bool { return p.literal }

// Match reports whether the pattern matches topic, which must be valid. It does not
// allocate.
func (p Pattern) Match(topic string) bool {
	if p.literal {
		return p.text != "" && p.text == topic
	}
	rest, more := topic, true
	for _, want := range p.segments {
		if !more {
			return false
		}
		var got string
		got, rest, more = strings.Cut(rest, ".")
		if want != "+" && want != "*" && want != got {
			return false
		}
	}
	switch p.tail {
	case '#':
		return true
	case '*':
		return more
	}
	return !more
}

// Overlaps reports whether there is a topic, of any length, that both p and one of ps
// match.
func (p Pattern) Overlaps(ps Patterns) bool {
	for _, q := range ps {
		if p.meets(q) {
			return true
		}
	}
	return false
}

func (p Pattern) meets(q Pattern) bool {
	if len(p.segments) > len(q.segments) {
		p, q = q, p
	}
	for i, s := range p.segments {
		if o := q.segments[i]; s != o && !isWild(s) && !isWild(o) {
			return false
		}
	}
	switch {
	case len(p.segments) < len(q.segments):
		return p.tail != 0
	case p.tail == 0 || q.tail == 0:
		return p.tail != '*' && q.tail != '*'
	}
	return true
}

func isWild(segment string) bool { return segment == "+" || segment == "*" }

// Covers reports whether p matches every topic that other matches. other may be a topic or
// a pattern; if it is not valid, it is not covered. Covers never reports true for a pattern
// that is not covered. It may report false for one that is, if it uses wildcards in an
// unusual way.
func (p Pattern) Covers(other string) bool {
	q, err := ParsePattern(other, true)
	if err != nil {
		return false
	}
	if q.literal {
		return p.Match(other)
	}
	for i, want := range p.segments {
		if i >= len(q.segments) {
			return false
		}
		got := q.segments[i]
		if want != "+" && want != "*" && want != got {
			return false
		}
	}
	rest := len(q.segments) - len(p.segments)
	switch p.tail {
	case '#':
		return true
	case '*':
		return rest > 0 || q.tail == '*'
	}
	return rest == 0 && q.tail == 0
}
