package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	settings settings
	runs     *atomic.Int32 // calls of Run
	sick     error
}

type settings struct {
	Source string `json:"source"` // "": observe; fail: fail at once; stuck: never end
	Rate   int    `json:"rate"`
}

var errSource = errors.New("the source is gone")

func (a *able) Name() string     { return "demo" }
func (a *able) Describe() string { return "source " + a.settings.Source }
func (a *able) Check() error     { return a.sick }
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
	switch a.settings.Source {
	case "fail":
		return errSource
	case "stuck":
		<-stuckEnds
		return nil
	}
	emit(collector.Message{Topic: "events.demo.a", Payload: []byte("x")})
	<-ctx.Done()
	return nil
}

// stuckEnds ends the collectors that nothing else ends.
var stuckEnds = make(chan struct{})

// served is a collector on a bus, as its agent sees it.
type served struct {
	t     *testing.T
	agent router.Bus
	s     *serve.Server
	runs  atomic.Int32
	gaps  router.Subscriber
	beats router.Subscriber
	regs  chan control.Registration
	ended chan error
	stop  context.CancelFunc
}

// demo runs the collector demo with these settings, and returns when it has registered.
func demo(t *testing.T, o serve.Options, first string) *served {
	t.Helper()
	b := newBroker(t)
	v := &served{t: t, agent: dial(t, b, "agent"), ended: make(chan error, 1)}
	v.regs = make(chan control.Registration, 10)
	answerRegistrations(t, v.agent, func(_ context.Context, c *dispatch.Call) (any, error) {
		var reg control.Registration
		err := c.Decode(&reg)
		v.regs <- reg
		return control.Accepted{}, err
	})
	v.gaps, v.beats = subscribe(t, v.agent, "events.demo.gap"), subscribe(t, v.agent, control.HeartbeatTopic("demo"))
	build := func(c control.ChildConfig) (collector.Collector, error) {
		a := &able{runs: &v.runs}
		if len(c.Settings) > 0 {
			if err := json.Unmarshal(c.Settings, &a.settings); err != nil {
				return nil, err
			}
		}
		if a.settings.Rate < 0 {
			return nil, errors.New("rate is negative")
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
	q := control.Request{Operation: op, Target: "demo"}
	if payload != nil {
		q.Payload = control.Payload(payload)
	}
	r, err := control.Call(v.t.Context(), v.agent, control.CollectorTarget("demo"), q, nil)
	var e *control.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s %v", e.Code, e.Context)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return string(r.Payload)
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

// never is a time in which a collector that fails at once has failed.
const never = time.Hour

func TestPauseAndResume(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	if b := v.beat(control.CollectorRunning); b.Sequence != 1 || b.Collector != "demo" {
		t.Errorf("the first heartbeat is %+v", b)
	}
	before := time.Now()
	for i, want := range []string{`{"state":"paused"}`, `{"state":"paused","already":true}`} {
		if got := v.call(control.OpPause, nil); got != want {
			t.Errorf("pause %d: %s", i, got)
		}
	}
	if r := v.report(); r.State != control.CollectorPaused {
		t.Errorf("state is %s", r.State)
	}
	v.beat(control.CollectorPaused) // heartbeats go on
	for i, want := range []string{`{"state":"running"}`, `{"state":"running","already":true}`} {
		if got := v.call(control.OpResume, nil); got != want {
			t.Errorf("resume %d: %s", i, got)
		}
	}
	g := v.gap()
	if since := time.Unix(0, g.Body.SinceNs); g.Body.Lost != 0 || since.Before(before.Truncate(0)) || since.UnixNano() >= g.WallNs {
		t.Errorf("gap is %+v at %d", g.Body, g.WallNs)
	}
	if n := v.runs.Load(); n != 2 {
		t.Errorf("Run was called %d times", n)
	}
}

func TestACollectorMayStartPaused(t *testing.T) {
	v := demo(t, serve.Options{Config: control.ChildConfig{Paused: true}}, "")
	v.beat(control.CollectorPaused)
	if n := v.runs.Load(); n != 0 {
		t.Errorf("Run was called %d times", n)
	}
	if got := v.call(control.OpResume, nil); got != `{"state":"running"}` {
		t.Errorf("resume: %s", got)
	}
	v.gap()
}

// TestUpdateConfig has a collector with the rate 1. The last one of each case is what the
// collector has in force.
func TestUpdateConfig(t *testing.T) {
	tests := []struct {
		name   string
		update string
		want   string
		source string
		runs   int32
		ends   error
	}{
		{"a new value", `{"config":{"source":"b"}}`, `{"version":2,"changed_fields":["source"]}`, "source b", 2, nil},
		{"the same value", `{"config":{"rate": 1}}`, `{"version":1,"changed_fields":[]}`, "source a", 1, nil},
		{"a check", `{"config":{"source":"b"},"validate_only":true}`, `{"version":1,"changed_fields":["source"],"validated":true}`, "source a", 1, nil},
		{"a check of what is wrong", `{"config":{"rate":-1},"validate_only":true}`, "VALIDATION_FAILED map[]", "source a", 1, nil},
		{"what is wrong", `{"config":{"rate":-1}}`, "VALIDATION_FAILED map[]", "source a", 1, nil},
		{"no object", `{"config":[1]}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"no configuration", `{}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"a key of another payload", `{"config":{},"roll_back":true}`, "INVALID_PAYLOAD map[]", "source a", 1, nil},
		{"what fails, and is taken back", `{"config":{"source":"fail"},"rollback_on_failure":true}`,
			"APPLY_FAILED map[config_version:1 rolled_back:true]", "source a", 3, nil},
		{"what fails", `{"config":{"source":"fail"}}`, "APPLY_FAILED map[rolled_back:false]", "", 2, errSource},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := demo(t, serve.Options{Settle: never}, `{"source":"a","rate":1}`)
			for v.report().Emitted == 0 { // it has not begun to observe
			}
			if got := v.call(control.OpUpdateConfig, json.RawMessage(tt.update)); got != tt.want {
				t.Errorf("answer is %s, want %s", got, tt.want)
			}
			if tt.ends != nil {
				if err := v.end(); !errors.Is(err, tt.ends) {
					t.Errorf("it ended with %v", err)
				}
			} else if r := v.report(); r.Source != tt.source {
				t.Errorf("in force is %s, want %s", r.Source, tt.source)
			}
			if n := v.runs.Load(); n != tt.runs {
				t.Errorf("Run was called %d times, want %d", n, tt.runs)
			}
			if tt.runs > 1 {
				v.gap()
			}
		})
	}
}

func TestAPausedCollectorIsConfiguredAndStaysPaused(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	v.call(control.OpPause, nil)
	if got := v.call(control.OpUpdateConfig, control.ConfigUpdate{Config: json.RawMessage(`{"source":"b"}`)}); got != `{"version":2,"changed_fields":["source"]}` {
		t.Errorf("answer is %s", got)
	}
	if r := v.report(); r.State != control.CollectorPaused || r.Source != "source b" || r.ConfigVersion != 2 {
		t.Errorf("report is %+v", r)
	}
	if n := v.runs.Load(); n != 1 {
		t.Errorf("Run was called %d times", n)
	}
}

func TestAnUpdateThatCannotBeTakenBackEndsTheCollector(t *testing.T) {
	v := demo(t, serve.Options{Config: control.ChildConfig{Paused: true}, Settle: never}, `{"source":"fail"}`)
	if got := v.call(control.OpResume, nil); got != "INTERNAL map[]" {
		t.Errorf("resume: %s", got)
	}
	if err := v.end(); !errors.Is(err, errSource) {
		t.Errorf("it ended with %v", err)
	}
}

func TestCapabilitiesAndTasks(t *testing.T) {
	v := demo(t, serve.Options{Version: "1.2"}, "")
	var got control.Capabilities
	if err := json.Unmarshal([]byte(v.call(control.OpGetCapabilities, nil)), &got); err != nil {
		t.Fatal(err)
	}
	want := control.Capabilities{
		Collector: "demo", Version: "1.2", Source: "source ", EventTypes: []string{"process"}, Topics: []string{"events.demo.a"},
		Operations: []control.Operation{
			control.OpHealthCheck, control.OpUpdateConfig, control.OpGetCapabilities, control.OpGracefulShutdown,
			control.OpForceShutdown, control.OpPause, control.OpResume, control.OpExecuteTask,
		},
		Tasks: []string{"echo", "fail"}, Config: []string{"rate", "source"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	for _, tt := range []struct{ task, want string }{
		{`{"task":"echo","args":{"a":[1]}}`, `{"task":"echo","collector":"demo","result":{"a":[1]}}`},
		{`{"task":"fail"}`, "TASK_FAILED map[]"},
		{`{"task":"dance"}`, "UNSUPPORTED_TASK map[]"},
		{`{"tusk":"echo"}`, "INVALID_PAYLOAD map[]"},
	} {
		if got := v.call(control.OpExecuteTask, json.RawMessage(tt.task)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.task, got, tt.want)
		}
	}
	for op := range map[control.Operation]bool{control.OpStart: true, control.OpStop: true, control.OpRestart: true, control.OpRegister: true} {
		if got := v.call(op, nil); got != "UNSUPPORTED_OPERATION map[]" {
			t.Errorf("%s: %s", op, got)
		}
	}
}

func TestARequestForAnotherCollectorIsRefused(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	_, err := control.Call(t.Context(), v.agent, control.CollectorTarget("demo"), control.Request{Operation: control.OpPause, Target: "other"}, nil)
	if !errors.Is(err, control.Errorf(control.CodeInvalidTarget, "")) {
		t.Errorf("error is %v", err)
	}
}

func TestShutdownsAreAnswered(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	if got := v.call(control.OpGracefulShutdown, nil); got != `{"state":"stopping"}` {
		t.Errorf("answer is %s", got)
	}
	if err := v.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestAStuckCollectorCanBeForced to end. Until then it makes no heartbeats, and does not
// answer.
func TestAStuckCollectorCanBeForced(t *testing.T) {
	t.Cleanup(func() { close(stuckEnds) })
	v := demo(t, serve.Options{}, `{"source":"stuck"}`)
	ctx, cancel := context.WithCancel(t.Context())
	paused := make(chan error, 1)
	go func() { // awaited below
		_, err := control.Call(ctx, v.agent, control.CollectorTarget("demo"), control.Request{Operation: control.OpPause, Target: "demo"}, nil)
		paused <- err
	}()
	if got := v.call(control.OpForceShutdown, nil); got != `{"state":"stopping"}` {
		t.Errorf("answer is %s", got)
	}
	if err := v.end(); !errors.Is(err, serve.ErrForced) {
		t.Errorf("it ended with %v", err)
	}
	cancel()
	if err := <-paused; err == nil {
		t.Error("a stuck collector was paused")
	}
}

func TestAReconnectionRegistersAgain(t *testing.T) {
	v := demo(t, serve.Options{}, "")
	v.call(control.OpPause, nil)
	v.s.Reconnected()
	if r := <-v.regs; r.State != control.CollectorPaused {
		t.Errorf("registered again as %+v", r)
	}
}

func TestAnExternalCollectorDeregisters(t *testing.T) {
	b := newBroker(t)
	agent := dial(t, b, "agent")
	ops := make(chan control.Operation, 10)
	h := func(_ context.Context, c *dispatch.Call) (any, error) { ops <- c.Operation; return nil, nil }
	d := dispatch.New(dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpRegister: h, control.OpDeregister: h}})
	t.Cleanup(d.Close)
	if _, err := agent.Respond(t.Context(), control.RegistrationTarget, d.Respond); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := serve.New(dial(t, b, "demo"), fake{}, serve.Options{External: true})
	beats := subscribe(t, agent, control.HeartbeatTopic("demo"))
	go func() { ended <- s.Run(ctx) }() // awaited below
	first := <-ops
	for range beats.Messages(t.Context()) { // it knows that it is registered
		break
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if second := <-ops; first != control.OpRegister || second != control.OpDeregister {
		t.Errorf("it called %s, then %s", first, second)
	}
}

// TestACollectorThatTheAgentDoesNotWantAgainEnds when it registers again.
func TestACollectorThatTheAgentDoesNotWantAgainEnds(t *testing.T) {
	b := newBroker(t)
	agent := dial(t, b, "agent")
	first := make(chan bool, 1)
	first <- true
	registered := make(chan bool, 1)
	answerRegistrations(t, agent, func(context.Context, *dispatch.Call) (any, error) {
		select {
		case <-first:
			registered <- true
			return control.Accepted{}, nil
		default:
			return nil, control.Errorf(control.CodePermissionDenied, "it is not configured any more")
		}
	})
	s := serve.New(dial(t, b, "demo"), fake{}, serve.Options{})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }() // awaited below
	<-registered
	s.Reconnected()
	if err := <-ended; !errors.Is(err, control.Errorf(control.CodePermissionDenied, "")) {
		t.Errorf("it ended with %v", err)
	}
}

func TestACollectorThatIsNotWellSaysSo(t *testing.T) {
	b := newBroker(t)
	agent := dial(t, b, "agent")
	told := acceptAll(t, agent)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := serve.New(dial(t, b, "demo"), &able{runs: new(atomic.Int32), sick: errSource}, serve.Options{})
	go func() { ended <- s.Run(ctx) }() // awaited below
	<-told
	var r control.Report
	q := control.Request{Operation: control.OpHealthCheck, Target: "demo"}
	if _, err := control.Call(t.Context(), agent, control.CollectorTarget("demo"), q, &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(control.Health{State: control.Degraded, Reason: errSource.Error()}, r.Health); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
