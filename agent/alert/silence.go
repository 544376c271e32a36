package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of a silence.
const (
	maxConditions = 16
	maxText       = 1024
)

// Silence keeps alerts from being sent: one that it matches is raised, kept and marked.
//
// Immutable once it was given to a store.
type Silence struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until"`
	// Match are conditions of which an alert has to meet all.
	Match []Condition `json:"match"`
}

// Condition is about one field of an alert.
type Condition struct {
	// Field is rule.id, rule.title, rule.level, rule.tag, host.name, host.id, labels.NAME,
	// group.NAME, dedup_key, or a field of the event in the names of ECS.
	Field string `json:"field"`
	// Value is the text that it has to have; * stands for any characters. A list meets it
	// when one of its values does.
	Value string `json:"value"`
	Not   bool   `json:"not,omitempty"`
}

// FieldNames are the fields of an alert, beside those of its event and its labels and group,
// that conditions can be about.
var FieldNames = []string{"rule.id", "rule.title", "rule.level", "rule.tag", "host.name", "host.id", "dedup_key"}

// ErrSilence is returned for a silence that could never do what its author wants.
var ErrSilence = errors.New("not a silence")

func (c Condition) String() string {
	op := "="
	if c.Not {
		op = "!="
	}
	return c.Field + op + c.Value
}

// ParseCondition reads FIELD=VALUE or FIELD!=VALUE.
func ParseCondition(text string) (Condition, error) {
	field, value, ok := strings.Cut(text, "=")
	not := strings.HasSuffix(field, "!")
	field = strings.TrimSuffix(field, "!")
	if !ok || field == "" || value == "" {
		return Condition{}, fmt.Errorf("%w: want FIELD=VALUE or FIELD!=VALUE, got %.60q", ErrSilence, text)
	}
	return Condition{field, value, not}, nil
}

// Check returns why s could never do what its author wants.
func (s *Silence) Check() error {
	switch {
	case strings.TrimSpace(s.Reason) == "" || len(s.Reason) > maxText:
		return fmt.Errorf("%w: want a reason of 1 to %d bytes", ErrSilence, maxText)
	case len(s.Match) == 0 || len(s.Match) > maxConditions:
		return fmt.Errorf("%w: want 1 to %d conditions", ErrSilence, maxConditions)
	case !s.Until.After(s.Created):
		return fmt.Errorf("%w: it ends before it begins", ErrSilence)
	case !slices.ContainsFunc(s.Match, func(c Condition) bool { return !c.Not && strings.Trim(c.Value, "*") != "" }):
		return fmt.Errorf("%w: want one condition that names a value, or it takes everything", ErrSilence)
	}
	for _, c := range s.Match {
		if c.Field == "" || c.Value == "" || len(c.Field) > maxText || len(c.Value) > maxText {
			return fmt.Errorf("%w: want conditions of a field and a value, each of 1 to %d bytes", ErrSilence, maxText)
		}
	}
	return nil
}

// Fields looks up the fields of one alert, for conditions. One goroutine at a time.
type Fields struct {
	a     *Alert
	event map[string]any // of a.Event, once it is needed
}

// FieldsOf returns the fields of a.
func FieldsOf(a *Alert) *Fields { return &Fields{a: a} }

// Silenced reports whether the alert meets all conditions of s.
func (f *Fields) Silenced(s *Silence) bool {
	return !slices.ContainsFunc(s.Match, func(c Condition) bool { return !f.Meet(c) })
}

// Meet reports whether the alert meets c. A field that is absent meets only a condition with
// Not.
func (f *Fields) Meet(c Condition) bool {
	return slices.ContainsFunc(f.Values(c.Field), func(v string) bool { return glob(c.Value, v) }) != c.Not
}

// Values returns the values of a field, none where it is absent.
func (f *Fields) Values(field string) []string {
	a := f.a
	switch field {
	case "rule.id":
		return one(a.Rule.ID)
	case "rule.title":
		return one(a.Rule.Title)
	case "rule.level":
		return one(a.Rule.Level.String())
	case "rule.tag":
		return a.Rule.Tags
	case "host.name":
		return one(a.Host.Name)
	case "host.id":
		return one(a.Host.ID)
	case "dedup_key":
		return one(a.DedupKey)
	}
	if name, ok := strings.CutPrefix(field, "labels."); ok {
		return one(a.Labels[name])
	}
	if name, ok := strings.CutPrefix(field, "group."); ok {
		return one(a.Group[name])
	}
	if f.event == nil {
		f.event = map[string]any{}
		_ = json.Unmarshal(a.Event, &f.event) // an event that is none has no fields
	}
	return lookup(f.event, field)
}

func one(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// lookup returns the values of a field whose dots may part objects or stand in names.
func lookup(object map[string]any, field string) []string {
	if v, ok := object[field]; ok {
		return texts(v)
	}
	for i := range len(field) {
		if field[i] != '.' {
			continue
		}
		if inner, ok := object[field[:i]].(map[string]any); ok {
			if all := lookup(inner, field[i+1:]); all != nil {
				return all
			}
		}
	}
	return nil
}

func texts(v any) (all []string) {
	switch v := v.(type) {
	case nil, map[string]any:
		return nil
	case string:
		return []string{v}
	case []any:
		for _, x := range v {
			all = append(all, texts(x)...)
		}
		return all
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

// glob reports whether text is like pattern, in which * stands for any characters. Case
// counts.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}
