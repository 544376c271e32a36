package agent_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// brisk has heartbeats come so often that a test need not wait for seconds.
var brisk = life.Options{Beat: 50 * time.Millisecond}

// operate asks the agent for an operation on a collector.
func operate(t *testing.T, c *ipc.Client, op control.Operation, collector string, payload, into any) error {
	t.Helper()
	q := control.Request{Operation: op, Target: collector}
	if payload != nil {
		q.Payload = control.Payload(payload)
	}
	_, err := control.Call(t.Context(), c, control.OperationTarget, q, into)
	return err
}

// lossOf returns what a message of a gap topic announces.
func lossOf(t *testing.T, m *router.Message) event.Gap {
	t.Helper()
	v, err := event.Parse(m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	gap, ok := event.Copy[event.Loss](v)
	if !ok {
		t.Fatalf("%s has no loss", m.Topic())
	}
	return gap
}

// TestACollectorThatHangsIsMended stops one: it is unresponsive, asked, killed, and started
// again; what it missed is announced, and it is not given up.
func TestACollectorThatHangsIsMended(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo"), Supervision: brisk})
	client := r.dial(ipc.ClientOptions{})
	states := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	gaps := subscribe(t, client, router.Subscription{Patterns: []string{"events.echo.gap"}})
	pid := status(t, client).Collectors[0].PID
	halt(t, pid)
	var seen []string
	await(t, states, "the second process", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		if n := len(seen); n == 0 || seen[n-1] != string(s.State) {
			seen = append(seen, string(s.State))
		}
		return s.State == control.CollectorRunning && s.PID != pid && s.Restarts == 1
	})
	const want = "unresponsive, stopping, waiting to restart, starting, running"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("it was %s; want %s", got, want)
	}
	await(t, gaps, "the gap", func(m *router.Message) bool {
		return lossOf(t, m).Body.Reason == "events: the collector did not respond"
	})
	if c := status(t, client).Collectors[0]; !strings.HasPrefix(c.LastExit, "no heartbeat came for 162.5ms, and ") {
		t.Errorf("its last exit is %q", c.LastExit)
	}
}

// TestACollectorThatOnlyStoodStillIsNotEnded stops one and lets it go on before it is killed.
func TestACollectorThatOnlyStoodStillIsNotEnded(t *testing.T) {
	o := brisk
	o.CallTimeout = patience
	r := start(t, agent.Options{Collectors: collect("echo"), Supervision: o})
	client := r.dial(ipc.ClientOptions{})
	states := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	pid := status(t, client).Collectors[0].PID
	halt(t, pid)
	await(t, states, "it is missed", func(m *router.Message) bool {
		return parse[control.CollectorStatus](t, m.Payload).State == control.CollectorUnresponsive
	})
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await(t, states, "it is back", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorRunning && s.PID == pid && s.Restarts == 0
	})
	eventually(t, "what it missed degrades it", func() bool { return strings.Contains(status(t, client).Collectors[0].Gap, "did not respond") })
}

// TestAnAgentThatStoodStillEndsNoCollector stops an agent for longer than heartbeats may be
// missed: it does not take that for a fault of its collector.
func TestAnAgentThatStoodStillEndsNoCollector(t *testing.T) {
	path := socket(t)
	cmd, out, _ := role(t, "stopped-agent", path)
	if !out.Scan() {
		t.Fatal("the agent did not become ready")
	}
	client, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	pid := status(t, client).Collectors[0].PID
	halt(t, cmd.Process.Pid)
	time.Sleep(3 * life.MaxStep) // the time itself is what is tested
	if err := cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for out.Scan() && !strings.Contains(out.Text(), "agent stood still") {
	}
	if out.Err() != nil || !strings.Contains(out.Text(), "agent stood still") {
		t.Fatalf("the agent does not know that it stood still: %v", out.Err())
	}
	if c := status(t, client).Collectors[0]; c.PID != pid || c.Restarts != 0 || c.State != control.CollectorRunning || c.Gap != "" {
		t.Errorf("the collector is %+v, and was pid %d", c, pid)
	}
}

// TestTheOperationsOverTheBus has an operator do to a collector what there is to do.
func TestTheOperationsOverTheBus(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	gaps := subscribe(t, client, router.Subscription{Patterns: []string{"events.echo.gap"}})
	var changed control.Changed
	var started control.Started
	var stopped control.Stopped
	pid := status(t, client).Collectors[0].PID
	do := func(op control.Operation, into any, code control.Code) {
		t.Helper()
		err := operate(t, client, op, "echo", nil, into)
		if c, _ := err.(*control.Error); code == "" && err != nil || code != "" && (c == nil || c.Code != code) {
			t.Errorf("%s: %v, want %q", op, err, code)
		}
	}
	do(control.OpStart, nil, control.CodeAlreadyRunning)
	do(control.OpResume, nil, control.CodeInvalidState)
	do(control.OpPause, &changed, "")
	if c := status(t, client).Collectors[0]; changed.State != control.CollectorPaused || c.State != control.CollectorPaused || c.PID != pid {
		t.Errorf("paused: %+v, it is %+v", changed, c)
	}
	do(control.OpResume, &changed, "")
	await(t, gaps, "what it missed", func(m *router.Message) bool {
		return strings.HasPrefix(lossOf(t, m).Body.Reason, "events: the collector was paused for ")
	})
	do(control.OpHealthCheck, nil, "")
	do(control.OpRestart, &started, "")
	if started.PID == pid || started.PID != status(t, client).Collectors[0].PID {
		t.Errorf("restarted as pid %d, was %d", started.PID, pid)
	}
	await(t, gaps, "what it missed", func(m *router.Message) bool {
		return lossOf(t, m).Body.Reason == "events: the collector was ended: an operator restarts it"
	})
	do(control.OpStop, &stopped, "")
	if stopped.Killed || stopped.Exit == "" {
		t.Errorf("stopped as %+v", stopped)
	}
	do(control.OpStop, nil, control.CodeNotRunning)
	do(control.OpPause, nil, control.CodeNotRunning)
	do(control.OpHealthCheck, nil, control.CodeCollectorUnreachable)
	do(control.OpStart, &started, "")
	do(control.OpForceShutdown, &stopped, "")
	if !stopped.Killed {
		t.Errorf("killed as %+v", stopped)
	}
	if err := operate(t, client, control.OpStart, "nobody", nil, nil); err == nil || !strings.Contains(err.Error(), string(control.CodeCollectorNotFound)) {
		t.Errorf("one that is not there: %v", err)
	}
	do(control.OpStart, &started, "")
	await(t, gaps, "what it missed since it was stopped", func(m *router.Message) bool {
		return lossOf(t, m).Body.Reason == "events: the collector was stopped"
	})
}

// TestAPausedCollectorThatCrashesStaysPaused: its next process does not observe.
func TestAPausedCollectorThatCrashesStaysPaused(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	if err := operate(t, client, control.OpPause, "echo", nil, nil); err != nil {
		t.Fatal(err)
	}
	pid := status(t, client).Collectors[0].PID
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next process is paused", func() bool {
		c := status(t, client).Collectors[0]
		return c.State == control.CollectorPaused && c.PID != pid
	})
}

// TestACollectorThatTakesTooMuchIsRestarted, after a warning, with the reason.
func TestACollectorThatTakesTooMuchIsRestarted(t *testing.T) {
	r := start(t, agent.Options{Configured: func(*config.Config) ([]manager.Spec, error) {
		return []manager.Spec{{Config: control.ChildConfig{Collector: "echo"}, Limits: life.Limits{RSS: 1}}}, nil
	}})
	client := r.dial(ipc.ClientOptions{})
	pid := status(t, client).Collectors[0].PID
	for range 3 {
		agent.Check(t.Context(), r.agent)
	}
	const reason = " MiB of memory, the limit is 0 MiB"
	eventually(t, "it is started again", func() bool {
		c := status(t, client).Collectors[0]
		return c.State == control.CollectorRunning && c.PID != pid && strings.Contains(c.LastExit, reason)
	})
	if log := r.log.String(); strings.Count(log, `level=WARN msg="collector takes too much" collector=echo reason="it takes `) != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// TestAFloodDoesNotHideHeartbeats has a collector publish as fast as it can: its heartbeats
// come through all the same, and it goes on.
func TestAFloodDoesNotHideHeartbeats(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("flood"), Supervision: life.Options{Beat: 200 * time.Millisecond}})
	client := r.dial(ipc.ClientOptions{})
	pid := status(t, client).Collectors[0].PID
	beats := subscribe(t, client, router.Subscription{Patterns: []string{control.HeartbeatTopic("flood")}})
	const enough = 10
	n := 0
	await(t, beats, "its heartbeats", func(m *router.Message) bool {
		h := parse[control.Heartbeat](t, m.Payload)
		if h.Emitted == 0 && n > 0 {
			t.Errorf("heartbeat %d says that nothing was emitted", h.Sequence)
		}
		n++
		return n == enough
	})
	if c := status(t, client).Collectors[0]; c.PID != pid || c.Restarts != 0 {
		t.Errorf("it is %+v, and was pid %d", c, pid)
	}
}
