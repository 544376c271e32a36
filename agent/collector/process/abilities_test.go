package process_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/process"
)

func TestLookup(t *testing.T) {
	c, err := process.New(process.Options{Mode: process.ModePoll})
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.Do(t.Context(), "lookup", fmt.Appendf(nil, `{"pid":%d}`, os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Process struct {
			PID        int    `json:"pid"`
			Executable string `json:"executable"`
			Parent     struct{ PID int }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Process; p.PID != os.Getpid() || p.Executable != self || p.Parent.PID != os.Getppid() {
		t.Errorf("this process is %s", text)
	}
	for _, tt := range []struct {
		task, args string
		begun      bool
	}{
		{"look", `{"pid":1}`, false},
		{"lookup", ``, false},
		{"lookup", `{"pid":-1}`, false},
		{"lookup", `{"pids":1}`, false},
		{"lookup", `{"pid":4194305}`, true}, // above the kernel's largest
	} {
		if _, err := c.Do(t.Context(), tt.task, []byte(tt.args)); err == nil || errors.Is(err, collector.ErrTask) == tt.begun {
			t.Errorf("%s %s: %v", tt.task, tt.args, err)
		}
	}
}
