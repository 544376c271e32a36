package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

var collectorCommand = command{
	name: "collector", args: "NAME", short: "run one collector (the agent starts it)", hidden: true, outlives: true,
	long: `
Run one collector as a process of its own. The agent does this: it writes the
configuration to the collector's standard input, and the end of that input ends
the collector.`,
	run: runCollector,
}

// newCollector is the table of collectors.
func newCollector(c control.ChildConfig) (collector.Collector, error) {
	switch c.Collector {
	case process.Name:
		return process.New(process.Options{Mode: process.Mode(c.Mode), Interval: c.Interval})
	}
	return nil, fmt.Errorf("there is no collector %q", c.Collector)
}

func runCollector(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	if err := parse(); err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return usagef("wants the name of one collector")
	}
	// A terminal that ends sends it to the agent too, which goes on.
	signal.Ignore(syscall.SIGHUP)
	// It may have been started by the name of /proc/self/exe, which says nothing
	// to whoever looks at ps or top.
	_ = os.WriteFile("/proc/self/comm", []byte("daemoneye-agent"), 0)
	err := serve.Main(ctx, fs.Arg(0), serve.Process{In: p.in, New: newCollector, Dial: dialAgent, Version: version})
	if err != nil {
		fmt.Fprintln(p.err, err) // for the agent, which says who it was
		return statusError(exitFailed)
	}
	return nil
}

// dialAgent connects a collector to its agent. It does not come back: another
// agent starts collectors of its own.
func dialAgent(ctx context.Context, c control.ChildConfig, lost func(error)) (router.Bus, error) {
	return ipc.DialOptions(ctx, ipc.ClientOptions{
		Path: c.Socket, Name: c.Collector, Role: "collector", LatencyBudget: c.Budget, NoReconnect: true,
		OnState: func(err error) {
			if errors.Is(err, frame.ErrShutdown) {
				err = nil
			}
			lost(err)
		},
	})
}
