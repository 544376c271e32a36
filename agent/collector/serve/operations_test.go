package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
)

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
	t.Cleanup(func() { stuckEnds <- struct{}{} })
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
