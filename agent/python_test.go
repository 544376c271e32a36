package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// python returns the command that runs the Python client, which was written from
// frame/PROTOCOL.md and control/PROTOCOL.md alone.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed:", err)
	}
	if out, err := exec.Command(interpreter, "-c", "import sys; sys.exit(sys.version_info < (3, 10))").CombinedOutput(); err != nil {
		t.Skipf("python3 is older than 3.10: %v %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"../ipc/testdata/client.py"}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}

// TestPythonOperator has the Python client call each operation of an operator.
func TestPythonOperator(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("demo")})
	out, err := python(t, "operations", r.socket).CombinedOutput()
	t.Logf("client.py:\n%s", out)
	if err != nil {
		t.Error(err)
	}
}

// TestPythonCollector has the Python client be an external collector: it registers, makes
// heartbeats, publishes, answers each operation that a collector has, and deregisters.
func TestPythonCollector(t *testing.T) {
	r := start(t, agent.Options{Configured: func(*config.Config) ([]manager.Spec, error) {
		return []manager.Spec{{Config: control.ChildConfig{Collector: "clock"}, External: &manager.External{UID: os.Getuid()}}}, nil
	}})
	operator := r.dial(ipc.ClientOptions{})
	events := subscribe(t, operator, router.Subscription{Patterns: []string{"events.clock.tick"}})
	beats := subscribe(t, operator, router.Subscription{Patterns: []string{control.HeartbeatTopic("clock")}})
	states := subscribe(t, operator, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	var out bytes.Buffer
	cmd := python(t, "collector", r.socket, "clock")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { t.Logf("client.py:\n%s", &out) }()
	await(t, states, "the registration", func(m *router.Message) bool {
		return parse[control.CollectorStatus](t, m.Payload).State == control.CollectorRunning
	})
	await(t, events, "an event", func(m *router.Message) bool { return json.Valid(m.Payload) })
	await(t, beats, "a heartbeat", func(m *router.Message) bool {
		return parse[control.Heartbeat](t, m.Payload).State == control.CollectorRunning
	})

	call := func(op control.Operation, payload string) string {
		t.Helper()
		q := control.Request{Operation: op, Target: "clock", Payload: json.RawMessage(payload)}
		answer, err := control.Call(t.Context(), operator, control.OperationTarget, q, nil)
		var e *control.Error
		if errors.As(err, &e) {
			return string(e.Code)
		} else if err != nil {
			t.Fatal(err)
		}
		return string(answer.Payload)
	}
	report := parse[control.Report](t, []byte(call(control.OpHealthCheck, "")))
	if report.PID != cmd.Process.Pid || report.Source != "the clock" || report.State != control.CollectorRunning || report.Emitted == 0 {
		t.Errorf("report is %+v", report)
	}
	if c := parse[control.Capabilities](t, []byte(call(control.OpGetCapabilities, ""))); len(c.Operations) != 8 {
		t.Errorf("capabilities are %+v", c)
	}
	for _, tt := range []struct {
		op            control.Operation
		payload, want string
	}{
		{control.OpPause, "", `{"state":"paused"}`},
		{control.OpResume, "", `{"state":"running"}`},
		{control.OpUpdateConfig, `{"config":{"interval_ms":5},"validate_only":true}`, `{"version":1,"changed_fields":["interval_ms"],"validated":true}`},
		{control.OpUpdateConfig, `{"config":{"interval_ms":5}}`, `{"version":2,"changed_fields":["interval_ms"]}`},
		{control.OpUpdateConfig, `{"config":{"interval_ms":0}}`, "VALIDATION_FAILED"},
		{control.OpExecuteTask, `{"task":"add","args":{"numbers":[1,2]}}`, `{"task":"add","collector":"clock","result":3,"attempts":1}`},
		{control.OpExecuteTask, `{"task":"add"}`, "TASK_FAILED"},
		{control.OpExecuteTask, `{"task":"dance"}`, "UNSUPPORTED_TASK"},
		{control.OpForceShutdown, "", "INVALID_STATE"}, // it is not the agent's process
	} {
		if got := call(tt.op, tt.payload); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.op, tt.payload, got, tt.want)
		}
	}
	if got := call(control.OpGracefulShutdown, ""); got == "" || got[0] != '{' {
		t.Errorf("shutdown: %s", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(fmt.Errorf("client.py: %w", err))
	}
}
