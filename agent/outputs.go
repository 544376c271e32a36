package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/sinks"
	"github.com/daemoneye/eventbus/agent/output/stdout"
	"github.com/daemoneye/eventbus/agent/output/stored"
	"github.com/daemoneye/eventbus/frame/strictjson"
	"github.com/daemoneye/eventbus/router"
)

// outputs send alerts from the store, and chosen messages from the bus, to receivers.
type outputs struct {
	a           *Agent
	manager     *output.Manager
	journal     *stored.Journal
	environment sinks.Environment
}

// newOutputs makes the outputs that c asks for.
func (a *Agent) newOutputs(c *config.Config) error {
	h := host.Host{ID: a.o.HostID}.Complete()
	j := stored.New(a.alerts.store.Load)
	a.outputs = &outputs{a: a, journal: j, environment: sinks.Environment{
		DataDir: a.o.DataDir, Stdout: stdout.NewWriter(a.o.Stdout), Host: h.Name, Version: a.o.Version,
	}}
	a.outputs.manager = output.New(output.Options{Source: j, Bus: ownBus{a}, Logger: a.o.Logger})
	specs, err := a.outputs.specs(c)
	if err != nil {
		return err
	}
	a.monitor.parts.Register(health.Component{Name: "outputs", Check: a.outputs.health})
	return a.outputs.manager.Apply(specs)
}

// specs returns what c asks for.
func (x *outputs) specs(c *config.Config) ([]output.Spec, error) {
	return sinks.Specs(c, x.environment)
}

// apply puts specs in force, which were made by specs.
func (x *outputs) apply(specs []output.Spec) {
	if err := x.manager.Apply(specs); err != nil {
		x.a.o.Logger.Error("outputs", "err", err) // they have been checked
	}
}

// run runs the outputs until stop is called, which lets them send what they have for a
// short time. It lasts longer than ctx.
func (x *outputs) run(ctx context.Context) (stop func()) {
	for _, s := range x.manager.Status() { // a new one gets all that is raised from now on
		if at, err := x.journal.Cursor(s.Name); err == nil {
			_ = x.journal.SetCursor(s.Name, at) // it could be read
		}
	}
	inner, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { x.manager.Run(inner) })
	return func() {
		end()
		running.Wait()
	}
}

func (x *outputs) status() []control.OutputStatus { return x.manager.Status() }

// health is that of the worst output.
func (x *outputs) health(*health.Facts) (worst control.Health) {
	bad := 0
	for _, s := range x.manager.Status() {
		if s.Health.State > control.Healthy {
			bad++
		}
		if s.Health.State > worst.State {
			worst = control.Health{State: s.Health.State, Reason: s.Name + ": " + s.Health.Reason, Since: s.Health.Since}
		}
	}
	if bad > 1 {
		worst.Reason += fmt.Sprintf("; and %d more", bad-1)
	}
	return worst
}

// answerTest serves control.OutputTestTarget.
func (x *outputs) answerTest(ctx context.Context, r *router.Request) ([]byte, error) {
	var q control.OutputTest
	if err := strictjson.Unmarshal(r.Payload, &q, strictjson.Options{}); err != nil {
		return nil, err
	}
	began := time.Now()
	err := x.manager.Test(ctx, q.Output)
	t := control.OutputTested{Took: time.Since(began)}
	switch {
	case errors.Is(err, output.ErrUnknown):
		t.Unknown = true
		for _, s := range x.manager.Status() {
			t.Outputs = append(t.Outputs, s.Name)
		}
		slices.Sort(t.Outputs)
	case errors.Is(err, context.DeadlineExceeded):
		t.Error = "no answer in time: it may be sending something else"
	case err != nil:
		t.Error = err.Error()
	}
	return json.Marshal(&t)
}

// ownBus is the bus of the agent's own client, which there is when outputs run.
type ownBus struct{ a *Agent }

// Subscribe implements output.Bus.
func (b ownBus) Subscribe(ctx context.Context, s router.Subscription) (router.Subscriber, error) {
	return b.a.self.Subscribe(ctx, s)
}
