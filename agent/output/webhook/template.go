package webhook

import (
	"bytes"
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
)

// template is how one kind of receiver wants items.
type template struct {
	many   bool // one request has several items
	encode func(items []output.Item, s *Sink) ([]byte, error)
}

var templates = map[string]template{
	"json":         {false, func(items []output.Item, _ *Sink) ([]byte, error) { return items[0].Body, nil }},
	"batch":        {true, batch},
	"slack":        {false, one(slack)},
	"teams":        {false, one(teams)},
	"discord":      {false, one(discord)},
	"pagerduty":    {false, pagerDuty},
	"alertmanager": {true, alertmanager},
}

// Templates returns the names of all templates.
func Templates() []string { return slices.Sorted(maps.Keys(templates)) }

func batch(items []output.Item, _ *Sink) ([]byte, error) {
	bodies := make([][]byte, len(items))
	for i := range items {
		bodies[i] = items[i].Body
	}
	return slices.Concat([]byte("["), bytes.Join(bodies, []byte(",")), []byte("]")), nil
}

func one(f func(*format.Summary) any) func([]output.Item, *Sink) ([]byte, error) {
	return func(items []output.Item, _ *Sink) ([]byte, error) {
		s := format.Summarize(&items[0])
		return alert.Marshal(f(&s))
	}
}
