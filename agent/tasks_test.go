package agent_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
)

// TestATaskOfACollectorThatDies is reported, or begun again where it may be: by the next
// process of the same collector, or by another collector that has the task.
func TestATaskOfACollectorThatDies(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("worker", "helper")})
	client := r.dial(ipc.ClientOptions{})
	task := func(task control.Task) (control.TaskResult, error) {
		if task.Task == "die-once" {
			task.Args = json.RawMessage(`{"mark":` + strconv.Quote(filepath.Join(t.TempDir(), "mark")) + `}`)
		}
		var done control.TaskResult
		err := operate(t, client, control.OpExecuteTask, "worker", task, &done)
		return done, err
	}
	pids := func() map[string]string {
		all := map[string]string{}
		for _, c := range status(t, client).Collectors {
			all[c.Name] = strconv.Itoa(c.PID)
		}
		return all
	}
	got, err := task(control.Task{Task: "who"})
	if err != nil || got.Collector != "worker" || string(got.Result) != pids()["worker"] || got.Attempts != 1 {
		t.Errorf("one that lives: %+v, %v", got, err)
	}
	before := pids()["worker"]
	if _, err := task(control.Task{Task: "die-once"}); !errors.Is(err, control.Errorf(control.CodeCollectorDied, "")) {
		t.Errorf("one that dies: %v", err)
	}
	eventually(t, "it is back", func() bool {
		for _, c := range status(t, client).Collectors { // of one status: between two it may have died
			if c.State != control.CollectorRunning || c.Name == "worker" && strconv.Itoa(c.PID) == before {
				return false
			}
		}
		return true
	})
	before = pids()["worker"]
	got, err = task(control.Task{Task: "die-once", Repeatable: true})
	if err != nil || got.Collector != "worker" || string(got.Result) == before || got.Attempts != 2 {
		t.Errorf("one that dies of what may be repeated: %+v, %v; it was pid %s", got, err, before)
	}
	got, err = task(control.Task{Task: "die-once", Repeatable: true, Anyone: true})
	if err != nil || got.Attempts != 2 {
		t.Errorf("by anyone: %+v, %v", got, err)
	}
	if _, err := task(control.Task{Task: "unheard", Anyone: true}); !errors.Is(err, control.Errorf(control.CodeCollectorUnreachable, "")) {
		t.Errorf("one that nobody has: %v", err)
	}
	if _, err := task(control.Task{Task: "a.b", Anyone: true}); !errors.Is(err, control.Errorf(control.CodeUnsupportedTask, "")) {
		t.Errorf("one that nobody can have: %v", err)
	}
}
