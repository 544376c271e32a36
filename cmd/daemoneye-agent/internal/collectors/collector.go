package collectors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// NewCollector makes the command collector.
func NewCollector(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use: "collector NAME", Short: "run one collector (the agent starts it)", Hidden: true, Annotations: cli.Annotations(cli.Outlives),
		Long: `
Run one collector as a process of its own. The agent does this: it writes the
configuration to the collector's standard input, and the end of that input ends
the collector.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("wants the name of one collector")
			}
			return runCollector(c.Context(), p, args[0])
		},
	}
}

func runCollector(ctx context.Context, p *cli.Program, name string) error {
	// The end of a terminal sends it to the agent too, which goes on.
	signal.Ignore(syscall.SIGHUP)
	// It may have been started as /proc/self/exe, which is no name to find in ps or
	// top.
	_ = os.WriteFile("/proc/self/comm", []byte("daemoneye-agent"), 0)
	err := serve.Main(ctx, name, serve.Process{In: p.In, New: MakeCollector, Dial: dialAgent, Version: p.Version})
	if err != nil {
		fmt.Fprintln(p.Err, err) // the agent logs it with the collector's name
		if errors.Is(err, serve.ErrRefused) {
			return cli.StatusError(control.ExitRefused)
		}
		return cli.StatusError(cli.ExitFailed)
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
