package manager_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
)

// TestMain runs the tests, or where the manager under test has started this
// program as a collector, that collector.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "collector" {
		os.Exit(collect(os.Args[2]))
	}
	// Under the race detector each process would sleep for a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

// collect is a collector that does nothing, in the way of its name. It
// writes "ready" when the manager's test is to register it.
func collect(name string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGUSR1)
	var config control.ChildConfig
	line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &config)
	}
	if err != nil || config.Collector != name || config.Socket != "the.sock" {
		fmt.Fprintln(os.Stderr, "configuration is", string(line), err)
		return 9
	}
	switch name {
	case "immortal", "immortal-2":
		return immortal()
	case "crashing":
		fmt.Fprintln(os.Stderr, "cannot go on")
		return 3
	case "refused": // by the agent, for the moment
		return control.ExitRefused
	case "panicking":
		panic("surprise")
	case "mute": // does not register, but ends when it is asked to
		<-signals
		return 0
	case "parent": // leaves a process behind that holds its standard error
		c := exec.Command("/bin/sleep", "1000")
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 9
		}
		fmt.Fprintln(os.Stderr, c.Process.Pid)
		return 1
	}
	fmt.Fprintln(os.Stderr, "ready")
	for s := range signals {
		switch {
		case s == unix.SIGUSR1:
			return 4
		case name != "stubborn":
			return 0
		}
	}
	return 9
}
