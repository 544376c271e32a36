package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/router"
)

// able is a collector called demo with everything that a collector may have. Its
// behaviour is in its settings.
type able struct {
	mu       sync.Mutex // for an Adjust beside Take and Run
	settings settings
	runs     *atomic.Int32 // calls of Run
	sick     error
	filtered atomic.Uint64
	taken    chan string
	number   atomic.Uint64 // of the last event
}

type settings struct {
	Source string `json:"source"` // "": observe; fail: fail at once; stuck: never end
	Rate   int    `json:"rate"`
	Live   bool   `json:"live"`  // it is flexible
	Opens  bool   `json:"opens"` // it is an opening
}

// now returns the settings that are in force.
func (a *able) now() settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settings
}

var errSource = errors.New("the source is gone")

func (a *able) Name() string { return "demo" }
func (a *able) Describe() string {
	now := a.now()
	if now.Live {
		return fmt.Sprintf("source %s at %d", now.Source, now.Rate)
	}
	return "source " + now.Source
}
func (a *able) Check() error { return a.sick }

// Topics: each takes the events of others, and notes with which rate it got them.
func (a *able) Topics() []string { return []string{"events.other.a"} }
func (a *able) Take(b []byte)    { a.taken <- fmt.Sprintf("%s at %d", b, a.now().Rate) }

// Filtered: each that has observed has left out three events.
func (a *able) Filtered() uint64 { return a.filtered.Load() }

func (a *able) Abilities() collector.Abilities {
	return collector.Abilities{EventTypes: []string{"process"}, Topics: []string{"events.demo.a"}, Tasks: []string{"echo", "fail"}, Config: []string{"rate", "source"}}
}

func (a *able) Do(_ context.Context, task string, args []byte) (any, error) {
	switch task {
	case "echo":
		return json.RawMessage(args), nil
	case "fail":
		return nil, errSource
	}
	return nil, fmt.Errorf("%w: %s", collector.ErrTask, task)
}

func (a *able) Run(ctx context.Context, emit collector.Emit) error {
	a.runs.Add(1)
	a.filtered.Store(3)
	switch a.now().Source {
	case "fail":
		return errSource
	case "stuck":
		<-stuckEnds
		return nil
	}
	a.number.Add(1)
	emit(collector.Message{Topic: "events.demo.a", Payload: []byte("x")})
	<-ctx.Done()
	return nil
}

// stuckEnds ends a collector that nothing else ends, for each element.
var stuckEnds = make(chan struct{})

// served is a collector on a bus, as its agent sees it.
type served struct {
	t     *testing.T
	agent router.Bus
	s     *serve.Server
	runs  atomic.Int32
	made  []*able // guarded by the answers to calls
	gaps  router.Subscriber
	beats router.Subscriber
	regs  chan control.Registration
	taken chan string   // by collectors, of the events of others
	open  chan struct{} // closed by a test: the sources of collectors open
	ended chan error
	stop  context.CancelFunc
}

// demo runs the collector demo with these settings, and returns when it has registered.
func demo(t *testing.T, o serve.Options, first string) *served {
	t.Helper()
	b := newBroker(t)
	v := &served{t: t, agent: dial(t, b, "agent"), ended: make(chan error, 1)}
	v.open = make(chan struct{})
	v.regs, v.taken = make(chan control.Registration, 10), make(chan string, 10)
	publish(t, v.agent, "events.other.a", "before")
	answerRegistrations(t, v.agent, func(_ context.Context, c *dispatch.Call) (any, error) {
		var reg control.Registration
		err := c.Decode(&reg)
		v.regs <- reg
		return control.Accepted{}, err
	})
	v.gaps, v.beats = subscribe(t, v.agent, "events.demo.gap"), subscribe(t, v.agent, control.HeartbeatTopic("demo"))
	build := func(c control.ChildConfig) (collector.Collector, error) {
		a := &able{runs: &v.runs, taken: v.taken}
		v.made = append(v.made, a)
		if len(c.Settings) > 0 {
			if err := json.Unmarshal(c.Settings, &a.settings); err != nil {
				return nil, err
			}
		}
		if a.settings.Rate < 0 {
			return nil, errors.New("rate is negative")
		}
		if a.settings.Live {
			return flexible{a}, nil
		}
		if a.settings.Opens {
			return &opening{able: a, open: v.open}, nil
		}
		return a, nil
	}
	o.Config.Settings = json.RawMessage(first)
	o.New = build
	c, err := build(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	v.s = serve.New(dial(t, b, "demo"), c, o)
	var ctx context.Context
	ctx, v.stop = context.WithCancel(context.Background())
	t.Cleanup(v.stop)
	go func() { v.ended <- v.s.Run(ctx) }() // awaited by end, or else by the clean-up
	t.Cleanup(func() {
		v.stop()
		select {
		case <-v.ended:
		case <-time.After(20 * time.Second):
			t.Error("the server did not end")
		}
	})
	<-v.regs
	return v
}

func publish(t *testing.T, b router.Bus, topic, text string) {
	t.Helper()
	if err := b.Publish(t.Context(), router.Outgoing{Topic: topic, Payload: []byte(text)}); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t *testing.T, b router.Bus, pattern string) router.Subscriber {
	t.Helper()
	s, err := b.Subscribe(t.Context(), router.Subscription{Patterns: []string{pattern}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call asks the collector, and returns the error's code, or the result in JSON.
func (v *served) call(op control.Operation, payload any) string {
	v.t.Helper()
	return v.callWith(v.t.Context(), op, payload)
}

func (v *served) callWith(ctx context.Context, op control.Operation, payload any) string {
	v.t.Helper()
	q := control.Request{Operation: op, Target: "demo"}
	if payload != nil {
		q.Payload = control.Payload(payload)
	}
	r, err := control.Call(ctx, v.agent, control.CollectorTarget("demo"), q, nil)
	var e *control.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s %v", e.Code, e.Context)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return string(r.Payload)
}

// number is that of the last event of the collector that was made last.
func (v *served) number() uint64 {
	v.report() // what it emitted before is counted
	n := uint64(0)
	for _, a := range v.made {
		n = max(n, a.number.Load())
	}
	return n
}

func (v *served) report() (r control.Report) {
	v.t.Helper()
	if err := json.Unmarshal([]byte(v.call(control.OpHealthCheck, nil)), &r); err != nil {
		v.t.Fatal(err)
	}
	return r
}

// gap returns the next gap that the collector announces.
func (v *served) gap() event.Gap {
	v.t.Helper()
	for m := range v.gaps.Messages(v.t.Context()) {
		e, err := event.Parse(m.Payload)
		if err != nil {
			v.t.Fatal(err)
		}
		g, ok := event.Copy[event.Loss](e)
		if !ok {
			v.t.Fatal("no gap")
		}
		return g
	}
	v.t.Fatal("no gap came")
	return event.Gap{}
}

// beat returns the next heartbeat in that state.
func (v *served) beat(state control.CollectorState) (h control.Heartbeat) {
	v.t.Helper()
	for m := range v.beats.Messages(v.t.Context()) {
		if err := json.Unmarshal(m.Payload, &h); err != nil {
			v.t.Fatal(err)
		}
		if h.State == state {
			return h
		}
	}
	v.t.Fatal("no heartbeat came")
	return h
}

// end returns the error with which the server ended.
func (v *served) end() error {
	v.t.Helper()
	select {
	case err := <-v.ended:
		v.ended <- err // for the clean-up
		return err
	case <-time.After(20 * time.Second):
		v.t.Fatal("the server did not end")
		return nil
	}
}
