package detect

import (
	"slices"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// Hit is a value of an event that makes a part of a rule true.
type Hit struct {
	Field     string // as the rule calls it; empty for a keyword
	Value     string
	Selection string // that the condition names
}

// maxHits bounds what Matched returns. A rule may name a value in a thousand ways.
const maxHits = 64

// Matched returns the values because of which a rule matches an event. What only has to
// be absent, or to be another value, is not in it.
func Matched(r *sigma.Rule, v event.View) []Hit {
	m := matched{event: &remembered{Event: engine.AsEvent(v), fields: map[string][]expr.Value{}}}
	m.walk(r.Condition, "")
	return m.hits
}

type matched struct {
	event expr.Event
	hits  []Hit
}

func (m *matched) walk(x expr.Expr, selection string) {
	if len(m.hits) == maxHits || !expr.Holds(x, m.event) {
		return
	}
	switch x := x.(type) {
	case expr.And:
		for _, y := range x {
			m.walk(y, selection)
		}
	case expr.Or:
		for _, y := range x {
			m.walk(y, selection)
		}
	case *expr.Ref:
		m.walk(x.Selection.Expr, x.Selection.Name)
	case *expr.Atom:
		m.atom(x, selection)
	}
}

// atom notes the values of the event with which the atom alone is true.
func (m *matched) atom(a *expr.Atom, selection string) {
	one := only{Event: m.event}
	if a.Field == "" {
		for _, text := range m.event.Texts() {
			if one.text = text; expr.Holds(a, one) {
				m.add(Hit{Value: text, Selection: selection})
			}
		}
		return
	}
	for _, value := range m.event.Field(a.Field) {
		if one.field, one.value = a.Field, value; expr.Holds(a, one) {
			text, _ := value.Text()
			m.add(Hit{Field: a.Field, Value: text, Selection: selection})
		}
	}
}

func (m *matched) add(h Hit) {
	if len(m.hits) < maxHits && !slices.Contains(m.hits, h) {
		m.hits = append(m.hits, h)
	}
}

// only is an event with one value in one field, and one text.
type only struct {
	expr.Event
	field, text string
	value       expr.Value
}

func (o only) Texts() []string { return []string{o.text} }

func (o only) Field(name string) []expr.Value {
	if name == o.field {
		return []expr.Value{o.value}
	}
	return o.Event.Field(name)
}

// remembered is an event whose values are made once.
type remembered struct {
	expr.Event
	fields map[string][]expr.Value
	texts  []string
}

func (r *remembered) Field(name string) []expr.Value {
	all, ok := r.fields[name]
	if !ok {
		all = r.Event.Field(name)
		r.fields[name] = all
	}
	return all
}

func (r *remembered) Texts() []string {
	if r.texts == nil {
		r.texts = r.Event.Texts()
	}
	return r.texts
}

// Missing returns a sentence for each field of a rule that could not be read in an event,
// or not all of it.
func Missing(r *sigma.Rule, v event.View) (all []string) {
	check := func(name string) {
		f, ok := event.FieldByName(v.Table(), name)
		text := ""
		switch {
		case !ok:
			return
		case v.Unread(f):
			text = f.Name() + " could not be read"
		case v.Partial(f):
			text = f.Name() + " is not all there"
		default:
			return
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	expr.Walk(r.Condition, func(a *expr.Atom) {
		check(a.Field)
		if same, ok := a.Test.(expr.Same); ok {
			check(same.Field)
		}
	})
	return all
}
