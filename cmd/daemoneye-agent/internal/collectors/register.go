package collectors

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
)

func newCollectorsRegister(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "register NAME", Short: "be an external collector, for a try", Annotations: cli.Annotations(cli.Endless),
		Long: `
Register this process as the external collector NAME, as a program of another maker
does: it answers operations and makes heartbeats until Ctrl-C, and deregisters then.
It observes nothing. The agent takes it only where its configuration names such a
collector for the user and the program that asks.`,
		Example: "daemoneye-agent collectors register audit",
	}
	t.Flags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cli.Usagef("wants the name of one collector")
		}
		if err := control.CheckName(args[0]); err != nil {
			return cli.UsageError{Err: err}
		}
		return runRegister(c.Context(), p, &t, args[0])
	}
	return c
}

func runRegister(ctx context.Context, p *cli.Program, t *cli.Target, name string) error {
	lost := make(chan error, 1)
	client, err := t.Dial(ctx, ipc.ClientOptions{Name: name, Role: control.CollectorRole, OnState: func(err error) {
		select {
		case lost <- err:
		default:
		}
	}})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	defer func() { <-ended }()
	defer stop(nil)
	go func() { // runRegister waits for it
		defer close(ended)
		select {
		case err := <-lost:
			stop(err)
		case <-ctx.Done():
		}
	}()
	err = serve.New(client, &idleCollector{p, name}, serve.Options{External: true, Version: p.Version}).Run(ctx)
	if err != nil {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, frame.ErrShutdown) {
		return cause
	}
	return nil
}

// idleCollector observes nothing.
type idleCollector struct {
	p    *cli.Program
	name string
}

var _ collector.Collector = (*idleCollector)(nil)

// Name implements collector.Collector.
func (c *idleCollector) Name() string { return c.name }

// Describe implements collector.Collector.
func (c *idleCollector) Describe() string { return "nothing, for a try" }

// Run implements collector.Collector.
func (c *idleCollector) Run(ctx context.Context, _ collector.Emit) error {
	c.p.Line("%s: registered; Ctrl-C ends it", c.name)
	<-ctx.Done()
	return nil
}
