package agent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// specs are the collectors that there should be under the configuration c.
func (a *Agent) specs(c *config.Config) ([]manager.Spec, error) {
	var all []manager.Spec
	for _, x := range a.o.Collectors {
		all = append(all, manager.Spec{Config: x})
	}
	if a.o.Configured != nil {
		more, err := a.o.Configured(c)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	for i := range all {
		x := &all[i].Config
		// What waits for a restart of the agent is the same for all collectors.
		x.Budget, x.HostID, x.Labels = a.o.Config.Broker.LatencyBudget, a.o.HostID, a.o.Config.Labels
	}
	return all, nil
}

// caller asks collectors over the bus.
type caller struct{ a *Agent }

var _ manager.Caller = caller{}

func (c caller) call(ctx context.Context, name string, op control.Operation) error {
	_, err := control.Call(ctx, c.a.self, control.CollectorTarget(name), control.Request{Operation: op, Target: name}, nil)
	var answer *control.Error
	if errors.As(err, &answer) {
		return errors.New(answer.Message) // it becomes a part of the reason of what the manager does
	}
	return err
}

// Check implements manager.Caller.
func (c caller) Check(ctx context.Context, name string) error {
	return c.call(ctx, name, control.OpHealthCheck)
}

// Pause implements manager.Caller.
func (c caller) Pause(ctx context.Context, name string) error {
	return c.call(ctx, name, control.OpPause)
}

// Resume implements manager.Caller.
func (c caller) Resume(ctx context.Context, name string) error {
	return c.call(ctx, name, control.OpResume)
}

// Shutdown implements manager.Caller.
func (c caller) Shutdown(ctx context.Context, name string) error {
	return c.call(ctx, name, control.OpGracefulShutdown)
}

// listenToCollectors subscribes to the heartbeats of collectors and to what they announce to
// be lost.
func (a *Agent) listenToCollectors(ctx context.Context) error {
	_, err := a.self.Subscribe(ctx, router.Subscription{SubscriberID: "gaps", Patterns: []string{"events.+.gap"}, Handler: func(m *router.Message) {
		a.monitor.losses.OnMessage(m, a.monitor.now(), a.manager.Registered)
	}})
	if err != nil {
		return err
	}
	_, err = a.self.Subscribe(ctx, router.Subscription{SubscriberID: "heartbeats", Patterns: []string{control.HeartbeatTopic("+")}, Handler: func(m *router.Message) {
		var h control.Heartbeat
		if m.Gap == nil && json.Unmarshal(m.Payload, &h) == nil {
			a.manager.Beat(m.Frame.Source(), h)
		}
	}})
	return err
}

// missed degrades a collector whose events are missed. When that is over, it announces the
// gap on the topic of the collector's own announcements.
func (a *Agent) missed(m manager.Missed) {
	reason := "events: the collector " + m.Reason
	a.monitor.losses.Add(m.Collector, a.monitor.now(), 0, reason)
	if m.Until.IsZero() {
		return
	}
	kind := event.TypeByCategory(m.Collector)
	h := host.Host{ID: a.o.HostID, Labels: event.Pairs(a.o.Config.Labels)}.Complete()
	gap := event.Gap{
		Header: event.Header{Type: kind, MonoNs: router.Now() - int64(time.Since(m.Until)), WallNs: m.Until.UnixNano()},
		Origin: h.Origin(m.Collector), Body: event.Loss{Reason: reason, SinceNs: m.Until.Add(-m.Until.Sub(m.Since)).UnixNano()},
	}
	extension, err := frame.AppendExtension(nil, &frame.Meta{EventType: m.Collector})
	if err == nil {
		err = a.self.Publish(context.Background(), router.Outgoing{
			Topic: "events." + m.Collector + ".gap", Payload: gap.Append(nil), Content: frame.ContentEvent, Extension: extension,
		})
	}
	if err != nil {
		a.o.Logger.Warn("gap not announced", "collector", m.Collector, "since", m.Since, "err", err)
	}
}
