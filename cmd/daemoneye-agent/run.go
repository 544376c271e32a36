package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
)

var runCommand = command{
	name: "run", endless: true, short: "run the agent in the foreground",
	long: `
Run the agent: the broker, its socket, and the collectors, each as a process of
its own. It needs no configuration and no privileges; with CAP_NET_ADMIN (or a
recent kernel) process events come from the kernel at once, else from polling.
Ctrl-C stops it, and so do SIGTERM and SIGHUP, but for nohup. What it logs goes
to standard error.`,
	run: runAgent,
}

// leastMessage is the least -max-message-size: the largest event fits, with its
// frame and what stands around it there, and so does a status.
const leastMessage = 32 << 10

func runAgent(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	var t target
	t.flags(fs)
	var o agent.Options
	collectors := fs.String("collectors", "process", "`NAMES` of the collectors to run, with commas; none for none")
	mode := fs.String("process-source", "auto", "`SOURCE` of process events: auto, netlink or poll")
	interval := fs.Duration("poll-interval", 500*time.Millisecond, "`TIME` between two looks of a polling collector, 10ms to 500ms")
	fs.IntVar(&o.MaxConnections, "max-connections", 64, "`N` clients at most")
	fs.IntVar(&o.MaxQueued, "message-buffer-size", 1000, "`N` messages queued for a subscriber at most")
	fs.IntVar(&o.MaxMessageSize, "max-message-size", 1<<20, "`BYTES` of a message at most, its header included; at least 32768")
	fs.Int64Var(&o.MaxMemory, "max-memory-bytes", 100<<20, "`BYTES` of all queued messages at most")
	fs.DurationVar(&o.LatencyBudget, "latency-budget", 500*time.Microsecond, "`TIME` that events may wait for company while they come densely; 0 for none")
	quiet := fs.Bool("quiet", false, "say nothing but warnings and errors")
	if err := parse(); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usagef("takes no arguments, got %q", fs.Arg(0))
	}
	if o.MaxConnections < 1 || o.MaxQueued < 1 {
		return usagef("-max-connections and -message-buffer-size must be at least 1")
	}
	if o.MaxMessageSize < leastMessage {
		return usagef("-max-message-size is %d, want at least %d: an event may be as large", o.MaxMessageSize, leastMessage)
	}
	if o.MaxMemory < int64(o.MaxMessageSize) {
		return usagef("-max-memory-bytes is %d, want at least -max-message-size, which is %d", o.MaxMemory, o.MaxMessageSize)
	}
	if o.LatencyBudget < 0 || o.LatencyBudget > time.Second {
		return usagef("-latency-budget is %s, want 0 to 1s", o.LatencyBudget)
	}
	if o.LatencyBudget == 0 {
		o.LatencyBudget = -1
	}
	names, err := collectorNames(*collectors)
	if err != nil {
		return err
	}
	for _, name := range names {
		o.Collectors = append(o.Collectors, control.ChildConfig{Collector: name, Mode: *mode, Interval: *interval})
	}
	// What a collector would not start with is better said now.
	_, err = newCollector(control.ChildConfig{Collector: process.Name, Mode: *mode, Interval: *interval})
	switch unavailable := errors.Is(err, process.ErrUnavailable); {
	case unavailable && len(names) > 0:
		return err
	case err != nil && !unavailable:
		return usageError{err}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.Socket, err = t.path(); err != nil {
		return err
	}
	o.Instance, o.Version, o.Command = t.instance, version, []string{self, "collector"}
	o.Executable = "/proc/self/exe" // what is at its path may be another version by the time of a restart
	level := slog.LevelInfo
	if *quiet {
		level = slog.LevelWarn
	}
	o.Logger = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
	if !*quiet {
		greet(p, &o)
	}
	a, err := agent.New(o)
	if err != nil {
		return err
	}
	if err := a.Run(ctx); err != nil {
		return err
	}
	if !*quiet {
		fmt.Fprintln(p.out, "stopped")
	}
	return nil
}

// greet has the agent tell how it came up.
func greet(p *program, o *agent.Options) {
	o.Listening = func(path string) {
		fmt.Fprintf(p.out, "daemoneye-agent %s, instance %s\n", version, o.Instance)
		fmt.Fprintf(p.out, "  socket   %s\n", path)
	}
	o.Ready = func(s control.Status) {
		for _, c := range s.Collectors {
			text := c.Source
			if text == "" {
				text = string(c.State) + ": " + oneLine(c.LastExit)
			}
			fmt.Fprintf(p.out, "  %-8s %s\n", c.Name, text)
		}
		fmt.Fprintf(p.out, "accepting after %s, ready; Ctrl-C stops\n", s.StartTime.Round(100*time.Microsecond))
	}
}

func collectorNames(list string) ([]string, error) {
	if list == "" || list == "none" {
		return nil, nil
	}
	names := strings.Split(list, ",")
	for _, n := range names {
		if n != "process" {
			return nil, usagef("there is no collector %q; there is: process", n)
		}
	}
	if len(names) > 1 {
		return nil, usagef("-collectors names process twice")
	}
	return names, nil
}
