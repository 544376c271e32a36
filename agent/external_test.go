package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// external returns a configuration that names the external collector gpu.
func external(x manager.External) func(*config.Config) ([]manager.Spec, error) {
	return func(*config.Config) ([]manager.Spec, error) {
		return []manager.Spec{{Config: control.ChildConfig{Collector: "gpu"}, External: &x}}, nil
	}
}

var ours = manager.External{UID: os.Geteuid()}

// runExternal runs an external collector in this process until the test ends, or stop is
// called.
func runExternal(t *testing.T, socket string, run func(context.Context, collector.Emit) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { // awaited by stop
		ended <- serve.External(ctx, fake{name: "gpu", source: "made up", run: run}, func(ctx context.Context, state func(error)) (router.Bus, error) {
			return ipc.DialOptions(ctx, ipc.ClientOptions{Path: socket, Name: "gpu", Role: control.CollectorRole, OnState: state})
		}, serve.Options{Version: "1"})
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, router.ErrClosed) {
				t.Errorf("the external collector ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the external collector does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

func awaitState(t *testing.T, c *ipc.Client, want control.CollectorState) control.CollectorStatus {
	t.Helper()
	var got control.CollectorStatus
	eventually(t, "the collector is "+string(want), func() bool {
		got = status(t, c).Collectors[0]
		return got.State == want
	})
	return got
}

// TestAnExternalCollectorIsOneOfOurs in all but its process: it counts as wanted, registers,
// is paused and resumed, publishes on its own topics, and is absent when it has gone.
func TestAnExternalCollectorIsOneOfOurs(t *testing.T) {
	r := start(t, agent.Options{Configured: external(ours)})
	client := r.dial(ipc.ClientOptions{})
	if c := status(t, client).Collectors[0]; c.State != control.CollectorAbsent || !c.External {
		t.Errorf("before it has come it is %+v", c)
	}
	events := subscribe(t, client, router.Subscription{Patterns: []string{"events.gpu.#"}})
	stop := runExternal(t, r.socket, func(ctx context.Context, emit collector.Emit) error {
		emit(collector.Message{Topic: "events.gpu.heat", Payload: []byte("x")})
		return idle(ctx, emit)
	})
	await(t, events, "its event", func(m *router.Message) bool { return string(m.Topic()) == "events.gpu.heat" })
	if c := awaitState(t, client, control.CollectorRunning); c.PID != os.Getpid() || c.Source != "made up" {
		t.Errorf("it is %+v", c)
	}
	if err := operate(t, client, control.OpPause, "gpu", nil, nil); err != nil {
		t.Error(err)
	}
	awaitState(t, client, control.CollectorPaused)
	if err := operate(t, client, control.OpResume, "gpu", nil, nil); err != nil {
		t.Error(err)
	}
	awaitState(t, client, control.CollectorRunning)
	if err := operate(t, client, control.OpForceShutdown, "gpu", nil, nil); err == nil || !strings.Contains(err.Error(), "neither starts nor kills") {
		t.Errorf("killing it: %v", err)
	}
	stop()
	if c := awaitState(t, client, control.CollectorAbsent); c.LastExit != "it has left: it ends" {
		t.Errorf("it is %+v", c)
	}
	runExternal(t, r.socket, idle)
	awaitState(t, client, control.CollectorRunning)
	agentGap := func(m *router.Message) bool {
		return string(m.Topic()) == "events.gpu.gap" && strings.HasPrefix(lossOf(t, m).Body.Reason, "events: the collector ended: it has left")
	}
	await(t, events, "what was missed", agentGap)
}

// TestWhoIsNoExternalCollector: another name, another user, another program.
func TestWhoIsNoExternalCollector(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		named string
		x     manager.External
		want  string // empty: it is admitted
	}{
		{"one that the configuration names", "gpu", manager.External{UID: os.Geteuid(), Executable: self}, ""},
		{"another name", "npu", ours, `the configuration names no external collector "npu"`},
		{"another user", "gpu", manager.External{UID: os.Geteuid() + 1}, "collector gpu is of uid"},
		{"another program", "gpu", manager.External{UID: os.Geteuid(), Executable: "/bin/true"}, "collector gpu is /bin/true, not " + self},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, agent.Options{Configured: external(tt.x)})
			c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket, Name: tt.named, Role: control.CollectorRole, NoReconnect: true})
			if c != nil {
				c.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, frame.ErrDenied) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("dial: %v, want %q", err, tt.want)
			}
		})
	}
}

// TestASecondProcessIsNotTheCollector as long as the first one is there.
func TestASecondProcessIsNotTheCollector(t *testing.T) {
	r := start(t, agent.Options{Configured: external(ours)})
	client := r.dial(ipc.ClientOptions{})
	runExternal(t, r.socket, idle)
	awaitState(t, client, control.CollectorRunning)
	_, out, _ := role(t, "gpu", r.socket)
	if !out.Scan() || !strings.HasPrefix(out.Text(), "not registered: PERMISSION_DENIED: ") {
		t.Errorf("registering: %q", out.Text())
	}
	if s := status(t, client).Collectors[0]; s.Source != "made up" || s.PID != os.Getpid() {
		t.Errorf("it is %+v", s)
	}
}

// TestAnExternalCollectorSurvivesTheAgent: it registers with the next one, and announces that
// events may be lost.
func TestAnExternalCollectorSurvivesTheAgent(t *testing.T) {
	path := socket(t)
	cmd, out, _ := role(t, "external-agent", path)
	if !out.Scan() {
		t.Fatal("the agent did not become ready")
	}
	runExternal(t, path, func(ctx context.Context, emit collector.Emit) error {
		for ctx.Err() == nil {
			emit(collector.Message{Topic: "events.gpu.heat", Payload: []byte("x")})
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	})
	first, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path, NoReconnect: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	awaitState(t, first, control.CollectorRunning)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r := start(t, agent.Options{Config: at(path), Configured: external(ours)})
	client := r.dial(ipc.ClientOptions{})
	gaps := subscribe(t, client, router.Subscription{Patterns: []string{"events.gpu.gap"}, ReplayFrom: 1})
	await(t, gaps, "what it may have lost", func(m *router.Message) bool {
		return lossOf(t, m).Body.Reason == "events: the connection to the agent was lost"
	})
	awaitState(t, client, control.CollectorRunning)
	eventually(t, "it degrades the collector", func() bool { return status(t, client).Collectors[0].Gap != "" })
}

// runGPU is a process that connects as the external collector gpu, registers, and writes how
// far it came. It stays until it is ended.
func runGPU(ctx context.Context, path string) error {
	c, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: path, Name: "gpu", Role: control.CollectorRole, NoReconnect: true})
	if err != nil {
		fmt.Println("not connected:", err)
		return nil
	}
	defer c.Close()
	_, err = control.Call(ctx, c, control.RegistrationTarget, control.Request{
		Operation: control.OpRegister, Target: "gpu", Payload: control.Payload(control.Registration{Collector: "gpu", Source: "another"}),
	}, nil)
	if err != nil {
		fmt.Println("not registered:", err)
	} else {
		fmt.Println("registered")
	}
	<-ctx.Done()
	return nil
}

// TestAFullHouseHasAPlaceForExternalCollectors: for each that the configuration names, also
// when it connects again, and for none that another process is.
func TestAFullHouseHasAPlaceForExternalCollectors(t *testing.T) {
	c := configured(func(c *config.Config) { c.Broker.MaxConnections = 3 })
	r := start(t, agent.Options{Config: c, Configured: external(ours), Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	for range 2 {
		r.dial(ipc.ClientOptions{})
	}
	if _, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket, NoReconnect: true}); !errors.Is(err, frame.ErrLimit) {
		t.Fatalf("the house is not full: %v", err)
	}
	gpu := func(want control.CollectorState) (s control.CollectorStatus) {
		t.Helper()
		eventually(t, "gpu is "+string(want), func() bool {
			for _, c := range status(t, client).Collectors {
				if s = c; c.Name == "gpu" {
					return c.State == want
				}
			}
			return false
		})
		return s
	}
	said := func(out *bufio.Scanner) string {
		t.Helper()
		if !out.Scan() {
			t.Fatal("the process ended without a word")
		}
		return out.Text()
	}
	stop := runExternal(t, r.socket, idle)
	first := gpu(control.CollectorRunning)
	_, out, _ := role(t, "gpu", r.socket)
	if got := said(out); !strings.HasPrefix(got, "not connected: ") || !strings.Contains(got, "max_connections is 3") {
		t.Errorf("a second process: %s", got)
	}
	if now := gpu(control.CollectorRunning); now.PID != first.PID || now.Since != first.Since {
		t.Errorf("the first one was %+v, and is %+v", first, now)
	}
	// The same process connects again before the end of its connection was noticed.
	again, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: r.socket, Name: "gpu", Role: control.CollectorRole, NoReconnect: true})
	if err != nil {
		t.Errorf("the collector connects again: %v", err)
	} else {
		again.Close()
	}
	gpu(control.CollectorRunning) // its client has connected again by itself
	stop()
	gpu(control.CollectorAbsent)
	cmd, out, _ := role(t, "gpu", r.socket)
	if got := said(out); got != "registered" {
		t.Errorf("another process when the first one has gone: %s", got)
	}
	if now := gpu(control.CollectorRunning); now.PID != cmd.Process.Pid || now.Source != "another" {
		t.Errorf("it is %+v", now)
	}
}
