package process

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/settings"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// taskLookup is the task of the collector: what is known of one process now.
const taskLookup = "lookup"

var (
	_ collector.Able   = (*Collector)(nil)
	_ collector.Tasker = (*Collector)(nil)
)

// Abilities implements collector.Able.
func (c *Collector) Abilities() collector.Abilities {
	return collector.Abilities{
		EventTypes: []string{event.TypeProcess.String()},
		Topics:     []string{TopicLifecycle, TopicMetadata, TopicBatch, TopicIntegrity, TopicGap},
		Tasks:      []string{taskLookup},
		Config:     settings.Keys(section{}),
	}
}

// Do implements collector.Tasker. The task lookup takes {"pid": N} and returns what a
// snapshot would say of that process, in the form of events in JSON.
func (c *Collector) Do(_ context.Context, task string, args []byte) (any, error) {
	if task != taskLookup {
		return nil, fmt.Errorf("%w: %q; there is %s", collector.ErrTask, task, taskLookup)
	}
	var a struct {
		PID uint32 `json:"pid"`
	}
	if err := settings.Decode(args, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", collector.ErrTask, err)
	}
	if a.PID == 0 {
		return nil, fmt.Errorf("%w: lookup wants {\"pid\": N}", collector.ErrTask)
	}
	return c.lookup(a.PID)
}

// lookup reads a process with a reader of its own, because the collector's belongs to Run.
func (c *Collector) lookup(pid uint32) (any, error) {
	r, err := proc.NewReader(c.options.Host.Root)
	if err != nil {
		return nil, err
	}
	read := func(pid uint32) (*record, bool) {
		o, ok := r.Process(pid)
		x := &record{Process: actor.Unknown(pid)}
		if ok {
			x.Adopt(&o)
		}
		return x, ok
	}
	x, ok := read(pid)
	if !ok {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	if parent, ok := read(x.PPID); ok {
		x.NameParent(&parent.Process)
	}
	var text []byte
	var sequence uint64
	e := newEmitter(func(m collector.Message) {
		if v, perr := event.Parse(m.Payload); perr == nil {
			text = ecs.Append(nil, v)
		} else {
			err = perr
		}
	}, c.options.Host.Complete(), &sequence)
	e.who.Redact = c.redactor
	var now clock.Clock
	now.Adjust()
	e.announce(event.OpSnapshot, x, now.Now(), 0, 0)
	return json.RawMessage(text), err
}
