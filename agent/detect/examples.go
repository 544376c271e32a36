package detect

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// Failure is an example that is not as it should be.
type Failure struct {
	Head    *sigma.Head // of the rule or correlation
	Example sigma.Example
	Reason  string
}

// RunExamples runs the examples that stand in the rules and correlations, and returns how
// many there are and those that fail. Those of what is inactive, and of correlations that
// only others count, are not run.
func (r *Rules) RunExamples() (ran int, failures []Failure) {
	run := func(h *sigma.Head, found func(sigma.Example) (bool, error)) {
		for _, e := range h.Examples {
			ran++
			got, err := found(e)
			switch {
			case err != nil:
				failures = append(failures, Failure{h, e, err.Error()})
			case e.Want && !got:
				failures = append(failures, Failure{h, e, "it does not match, and should"})
			case !e.Want && got:
				failures = append(failures, Failure{h, e, "it matches, and should not"})
			}
		}
	}
	m := r.Engine.Matcher()
	for _, x := range r.Engine.Active() {
		run(&x.Head, func(e sigma.Example) (bool, error) { return matchesExample(m, x, e) })
	}
	for _, x := range r.Set.Correlations {
		if !x.Silent && r.InactiveCorrelation(x) == "" {
			run(&x.Head, func(e sigma.Example) (bool, error) { return r.firesOn(x, e) })
		}
	}
	return ran, failures
}

// matchesExample reports whether a rule matches an example of it.
func matchesExample(m *engine.Matcher, x *sigma.Rule, e sigma.Example) (bool, error) {
	category := x.LogSource.Category
	if category == "" {
		category = "process_creation"
	}
	typ, op, _ := engine.EventOf(category)
	v, err := exampleEvent([]byte(e.JSON), event.Header{Type: typ, Operation: op})
	if err != nil {
		return false, err
	}
	for _, match := range m.Match(v) {
		if match.Rule == x {
			return true, nil
		}
	}
	return false, nil
}

// firesOn reports whether a correlation fires on the events of an example, which happen a
// second after each other. An event that does not have event.category and event.action is
// the start of a process.
func (r *Rules) firesOn(x *sigma.Correlation, e sigma.Example) (fires bool, err error) {
	events := []json.RawMessage{json.RawMessage(e.JSON)}
	if e.JSON[0] == '[' {
		if err := json.Unmarshal([]byte(e.JSON), &events); err != nil {
			return false, err
		}
	}
	d := r.Detector()
	for i, text := range events {
		v, err := exampleEvent(text, event.Header{
			Type: event.TypeProcess, Operation: event.OpStart, PID: 1, StartTicks: 1, WallNs: int64(i) * time.Second.Nanoseconds(),
		})
		if err != nil {
			return false, err
		}
		for _, found := range d.Observe(v) {
			fires = fires || found.Head == &x.Head
		}
	}
	return fires, nil
}

// exampleEvent returns an event, whose fields have to be those of a table. What it leaves
// open is that of h.
func exampleEvent(text []byte, h event.Header) (event.View, error) {
	b, err := ecs.Convert(nil, text, ecs.Foreign{Header: h})
	if err != nil {
		return nil, err
	}
	v, err := event.Parse(b)
	if err != nil {
		return nil, err
	}
	for name := range v.Extra() {
		return nil, fmt.Errorf("no event has the field %s, or not such a value", name)
	}
	return v, nil
}
