package display

import (
	"errors"
	"strings"
)

// Condition is FIELD=VALUE or FIELD!=VALUE. In the value each * stands for any text.
// Immutable.
type Condition struct {
	field string
	parts []string // of the value, between its stars
	not   bool
}

// ErrCondition is the error of a condition that is none.
var ErrCondition = errors.New("want FIELD=VALUE or FIELD!=VALUE")

// ParseCondition reads a condition.
func ParseCondition(text string) (Condition, error) {
	field, value, ok := strings.Cut(text, "=")
	field, not := strings.CutSuffix(field, "!")
	if !ok || field == "" {
		return Condition{}, ErrCondition
	}
	return Condition{field, strings.Split(value, "*"), not}, nil
}

// Field returns the name of the field.
func (c Condition) Field() string { return c.field }

// Match reports whether r meets the condition. A field that r lacks has no value, so
// that = is not met and != is.
func (c Condition) Match(r Record) bool {
	text, ok := r.Field(c.field)
	return (ok && matches(text, c.parts)) != c.not
}

// matches reports whether text is the parts with any text between two. The leftmost
// place of each part leaves most for the others, so that no search goes back.
func matches(text string, parts []string) bool {
	text, ok := strings.CutPrefix(text, parts[0])
	if len(parts) == 1 {
		return ok && text == ""
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(text, p)
		text, ok = after, ok && found
	}
	return ok && strings.HasSuffix(text, last)
}
