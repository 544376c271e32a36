package agent_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector"
)

// demo is the collector of the examples in control/PROTOCOL.md.
type demo struct {
	fake
	rate int
}

// newDemo makes a demo of its settings.
func newDemo(settings []byte) (collector.Collector, error) {
	own := struct {
		Rate int `json:"rate"`
	}{Rate: 1}
	if len(settings) > 0 {
		if err := json.Unmarshal(settings, &own); err != nil {
			return nil, err
		}
	}
	if own.Rate < 0 {
		return nil, fmt.Errorf("rate is %d, want 0 or more", own.Rate)
	}
	return &demo{fake{name: "demo", source: "made up", run: idle}, own.Rate}, nil
}

// Adjust implements collector.Adjustable.
func (d *demo) Adjust(_ context.Context, next collector.Collector) error {
	d.rate = next.(*demo).rate
	return nil
}

// Succeed implements collector.Adjustable.
func (*demo) Succeed(collector.Collector) {}

func (d *demo) Abilities() collector.Abilities {
	return collector.Abilities{EventTypes: []string{"demo"}, Topics: []string{"events.demo.tick"}, Tasks: []string{"echo"}, Config: []string{"rate"}}
}

func (d *demo) Do(_ context.Context, task string, args []byte) (any, error) {
	if task != "echo" {
		return nil, fmt.Errorf("%w: %s", collector.ErrTask, task)
	}
	return json.RawMessage(args), nil
}
