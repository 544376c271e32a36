package process_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/process"
)

func TestOptionsOutOfBounds(t *testing.T) {
	tests := []struct {
		name string
		in   process.Options
		want string // part of the error
	}{
		{"a mode that does not exist", process.Options{Mode: "audit"}, `mode "audit"`},
		{"an interval that is too long", process.Options{Interval: time.Second}, "interval 1s"},
		{"an interval that is too short", process.Options{Interval: time.Millisecond}, "interval 1ms"},
		{"a negative interval", process.Options{Interval: -1}, "interval -1ns"},
		{"a negative buffer", process.Options{ReceiveBuffer: -1}, "receive buffer"},
		{"no procfs there", process.Options{Host: host.Host{Root: "/nowhere"}}, "procfs at /nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := process.New(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %s", err, tt.want)
			}
		})
	}
}

func TestDescribeSaysWhatIsUsedAndWhy(t *testing.T) {
	c, err := process.New(process.Options{Mode: process.ModePoll})
	if err != nil {
		t.Fatal(err)
	}
	const want = "procfs polling every 500 ms (as configured: short-lived processes are missed)"
	if got := c.Describe(); !strings.HasPrefix(got, want) { // without CAP_SYS_PTRACE that stands behind it
		t.Errorf("%q, want %q", got, want)
	}
	c, err = process.New(process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Describe(); got == "" || strings.Contains(got, "as configured") {
		t.Errorf("auto is described as %q", got)
	}
}

func Example() {
	c, err := process.New(process.Options{Mode: process.ModePoll})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ collector.Collector = c // run it with c.Run(ctx, emit)
	fmt.Println(c.Name()+":", c.Describe()[:len("procfs polling every 500 ms")])
	// Output: process: procfs polling every 500 ms
}
