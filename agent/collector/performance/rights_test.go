package performance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/performance"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// watching has this test binary watch processes instead.
const watching = "PERFORMANCE_TEST_WATCH"

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(watching) != "" {
		os.Exit(watchProcesses())
	}
	goleak.VerifyTestMain(m)
}

// watchProcesses writes how a collector describes itself, and then a line for each process
// that takes much, until standard input ends. It returns the exit code.
func watchProcesses() int {
	c, err := performance.New(performance.Options{Interval: performance.MinInterval, Top: performance.MaxTop})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("source", c.Describe())
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		_, _ = os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	err = c.Run(ctx, func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if e, ok := event.Copy[event.Usage](v); ok && e.PID != 0 {
			fmt.Println("process", e.PID, e.Executable)
		}
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// TestWhatEachCapabilityIsFor: what the source says without it, and what it shows of a
// program of root's with it.
func TestWhatEachCapabilityIsFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may")
	}
	const unread = "; no CAP_SYS_PTRACE: executables of other users cannot be read"
	for _, tt := range []struct {
		name    string
		as      storytest.As
		program bool // of root's is known
	}{
		{"none", storytest.Nobody(), false},
		{"SYS_PTRACE", storytest.Nobody(unix.CAP_SYS_PTRACE), true},
		{"root without any", storytest.Bare(), false},
		{"root of a user namespace", storytest.Rootless(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			burner := exec.Command("/bin/sh", "-c", "while :; do :; done")
			if err := burner.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = burner.Process.Kill(); _ = burner.Wait() }()
			c := storytest.Start(t, tt.as, watching+"=1")
			if says := c.Await("source "); strings.Contains(says, unread) == tt.program {
				t.Errorf("it is described as %q", says)
			}
			if got := c.Await(fmt.Sprintf("process %d ", burner.Process.Pid)); (got != "") != tt.program {
				t.Errorf("its program is %q, want it known %v", got, tt.program)
			}
		})
	}
}
