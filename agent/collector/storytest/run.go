package storytest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
)

// Run is what a child does that watches: it runs a collector until its standard input ends,
// and calls each with its events. It returns the exit code.
func Run(c collector.Collector, each func(event.View)) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		_, _ = os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	err := c.Run(ctx, func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		each(v)
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// CPUTime returns the processor time that this process has taken.
func CPUTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
