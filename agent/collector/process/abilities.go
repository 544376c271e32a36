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

// The tasks of the collector.
const (
	taskLookup    = "lookup"    // what /proc shows of one process now
	taskProcesses = "processes" // the processes that the collector knows
)

var (
	_ collector.Able   = (*Collector)(nil)
	_ collector.Tasker = (*Collector)(nil)
)

// Abilities implements collector.Able.
func (c *Collector) Abilities() collector.Abilities {
	return collector.Abilities{
		EventTypes: []string{event.TypeProcess.String()},
		Topics:     []string{TopicLifecycle, TopicMetadata, TopicBatch, TopicIntegrity, TopicGap},
		Tasks:      []string{taskLookup, taskProcesses},
		Config:     settings.Keys(section{}),
	}
}

// Do implements collector.Tasker. The task lookup takes {"pid": N} and returns what a
// snapshot would have of that process, in the form of events in JSON. The task processes
// takes {"after": N}, and returns a Page of what the collector knows.
func (c *Collector) Do(ctx context.Context, task string, args []byte) (any, error) {
	var a struct {
		PID   uint32 `json:"pid"`
		After uint32 `json:"after"`
	}
	if task != taskLookup && task != taskProcesses {
		return nil, fmt.Errorf("%w: %q; there are %s and %s", collector.ErrTask, task, taskLookup, taskProcesses)
	}
	if err := settings.Decode(args, &a); err != nil {
		return nil, fmt.Errorf("%w: %w", collector.ErrTask, err)
	}
	if task == taskProcesses {
		return c.page(ctx, a.After)
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
	return c.asJSON()(x)
}

// asJSON returns a function that makes JSON of what is known of a process, as a snapshot
// would.
func (c *Collector) asJSON() func(*record) (json.RawMessage, error) {
	var text []byte
	var err error
	e := newEmitter(func(m collector.Message) {
		var v event.View
		if v, err = event.Parse(m.Payload); err == nil {
			text = ecs.Append(nil, v)
		}
	}, c.options.Host.Complete(), new(uint64))
	e.who.Redact = c.redactor
	var now clock.Clock
	now.Adjust()
	return func(r *record) (json.RawMessage, error) {
		e.announce(event.OpSnapshot, r, now.Now(), 0, 0)
		return text, err
	}
}
