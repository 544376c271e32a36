package detect

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// Failure is an example that is not as it should be.
type Failure struct {
	Rule    *sigma.Rule
	Example sigma.Example
	Reason  string
}

// RunExamples runs the examples that stand in the rules, and returns how many there are
// and those that fail. Those of rules that are inactive are not run.
func (r *Rules) RunExamples() (ran int, failures []Failure) {
	m := r.Engine.Matcher()
	for _, x := range r.Engine.Active() {
		for _, e := range x.Examples {
			ran++
			if reason := r.runExample(m, x, e); reason != "" {
				failures = append(failures, Failure{x, e, reason})
			}
		}
	}
	return ran, failures
}

// runExample returns what is wrong with an example, empty for nothing.
func (r *Rules) runExample(m *engine.Matcher, x *sigma.Rule, e sigma.Example) string {
	category := x.LogSource.Category
	if category == "" {
		category = "process_creation"
	}
	typ, op, _ := engine.EventOf(category)
	b, err := ecs.Convert(nil, []byte(e.JSON), ecs.Foreign{Header: event.Header{Type: typ, Operation: op}})
	if err != nil {
		return err.Error()
	}
	v, err := event.Parse(b)
	if err != nil {
		return err.Error()
	}
	for name := range v.Extra() {
		return fmt.Sprintf("no event has the field %s, or not such a value", name)
	}
	got := false
	for _, match := range m.Match(v) {
		got = got || match.Rule == x
	}
	switch {
	case e.Want && !got:
		return "it does not match, and should"
	case !e.Want && got:
		return "it matches, and should not"
	}
	return ""
}
