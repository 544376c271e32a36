package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/performance"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func newCollector(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "collector NAME", Short: "run one collector (the agent starts it)", Hidden: true, Annotations: annotations(outlives),
		Long: `
Run one collector as a process of its own. The agent does this: it writes the
configuration to the collector's standard input, and the end of that input ends
the collector.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("wants the name of one collector")
			}
			return runCollector(c.Context(), p, args[0])
		},
	}
}

// kind is one row of the table of collectors: make reads the settings of a collector
// and makes it.
type kind struct {
	name string
	make func(settings []byte, h host.Host) (collector.Collector, error)
}

// kinds is the table of collectors. Each has a section of its name below collectors in
// the configuration.
var kinds = []kind{
	kindOf(process.Name, process.Parse, process.New),
	kindOf(filesystem.Name, filesystem.Parse, filesystem.New),
	kindOf(network.Name, network.Parse, network.New),
	kindOf(performance.Name, performance.Parse, performance.New),
}

func kindOf[O any, C collector.Collector](name string, parse func([]byte, host.Host) (O, error), build func(O) (C, error)) kind {
	return kind{name, func(settings []byte, h host.Host) (collector.Collector, error) {
		o, err := parse(settings, h)
		if err != nil {
			return nil, err
		}
		c, err := build(o)
		if err != nil {
			return nil, err // and not a C that is nil
		}
		return c, nil
	}}
}

func makeCollector(c control.ChildConfig) (collector.Collector, error) {
	for _, k := range kinds {
		if k.name == c.Collector {
			return k.make(c.Settings, host.Host{ID: c.HostID, Labels: event.Pairs(c.Labels)})
		}
	}
	return nil, fmt.Errorf("there is no collector %q", c.Collector)
}

func runCollector(ctx context.Context, p *program, name string) error {
	// The end of a terminal sends it to the agent too, which goes on.
	signal.Ignore(syscall.SIGHUP)
	// It may have been started as /proc/self/exe, which is no name to find in ps or
	// top.
	_ = os.WriteFile("/proc/self/comm", []byte("daemoneye-agent"), 0)
	err := serve.Main(ctx, name, serve.Process{In: p.in, New: makeCollector, Dial: dialAgent, Version: version})
	if err != nil {
		fmt.Fprintln(p.err, err) // the agent logs it with the collector's name
		if errors.Is(err, serve.ErrRefused) {
			return statusError(control.ExitRefused)
		}
		return statusError(exitFailed)
	}
	return nil
}

// dialAgent connects a collector to its agent. The client does not connect again,
// because another agent starts collectors of its own.
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
