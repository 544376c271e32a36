package engine

import (
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// AsEvent returns an event in the form on which the meaning of rules is defined: for
// tools that explain one rule, and as what the engine is compared with.
func AsEvent(v event.View) expr.Event { return asEvent{v} }

type asEvent struct{ view event.View }

func (e asEvent) Field(name string) []expr.Value {
	f, ok := event.FieldByName(e.view.Table(), name)
	if !ok {
		return nil
	}
	return e.values(f)
}

func (e asEvent) values(f event.Field) (all []expr.Value) {
	v := e.view
	switch f.Kind() {
	case event.KindText:
		if t := v.Text(f); t != nil {
			all = append(all, expr.TextValue(string(t)))
		}
	case event.KindList:
		for i := range v.Len(f) {
			all = append(all, expr.TextValue(string(v.Item(f, i))))
		}
	case event.KindKey:
		if key := v.AppendKey(nil, f); len(key) > 0 {
			all = append(all, expr.TextValue(string(key)))
		}
	case event.KindNumbers:
		for i := range v.Len(f) {
			if n, ok := v.ItemUint(f, i); ok {
				all = append(all, expr.NumberValue(expr.Uint(n)))
			}
		}
	case event.KindNumber, event.KindID:
		if n, ok := v.Uint(f); ok {
			all = append(all, expr.NumberValue(expr.Uint(n)))
		}
	case event.KindTime:
		if n, ok := v.Uint(f); ok {
			all = append(all, expr.TimeValue(timeOf(n)))
		}
	case event.KindRatio:
		if n, ok := v.Uint(f); ok {
			all = append(all, expr.NumberValue(ratio(n)))
		}
	}
	return all
}

func (e asEvent) Texts() (all []string) {
	for _, f := range e.view.Table().Fields() {
		if f.Kind() == event.KindPairs {
			for _, value := range e.view.Pairs(f) {
				all = append(all, string(value))
			}
		}
		if inKeywords(f.Kind()) {
			for _, x := range e.values(f) {
				text, _ := x.Text()
				all = append(all, text)
			}
		}
	}
	for _, value := range e.view.Extra() {
		all = append(all, string(value))
	}
	return all
}
