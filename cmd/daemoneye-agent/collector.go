package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
)

var collectorCommand = command{
	name: "collector", args: "NAME", short: "run one collector (the agent starts it)", hidden: true,
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
	in := bufio.NewReader(p.in)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("configuration from the agent: %w", err)
	}
	var config control.ChildConfig
	if err := json.Unmarshal(line, &config); err != nil {
		return fmt.Errorf("configuration from the agent: %w", err)
	}
	if config.Collector != fs.Arg(0) {
		return fmt.Errorf("configuration is for collector %q, not %q", config.Collector, fs.Arg(0))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process: the agent closes our input, or dies
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	c, err := newCollector(config)
	if err != nil {
		return err
	}
	client, err := ipc.DialOptions(ctx, ipc.ClientOptions{
		Path: config.Socket, Name: config.Collector, Role: "collector", LatencyBudget: config.Budget, NoReconnect: true,
		OnState: func(err error) {
			if err != nil {
				cancel() // without the agent there is nobody to collect for
			}
		},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	return collector.NewServer(client, c, os.Getpid(), version).Run(ctx)
}
