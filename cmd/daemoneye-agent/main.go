// Command daemoneye-agent watches a Linux host: it runs a message broker and
// collectors, and its subcommands talk to a running agent over its socket.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// version is stamped by the linker.
var version = "devel"

func main() {
	ctx, _ := interruptible(sameInterrupt, os.Interrupt, syscall.SIGTERM)
	// With a channel for SIGPIPE, a write to a pipe without a reader is an error of
	// that write, and does not end an agent whose output goes through head.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(realMain(ctx, &cli.Program{In: os.Stdin, Out: cli.NewOutput(os.Stdout), Err: os.Stderr, Version: version}, os.Args[1:]))
}

// realMain runs a command line and returns the exit status.
func realMain(ctx context.Context, p *cli.Program, args []string) int {
	root := treeFor(p, args)
	root.SetArgs(rewrite(root, args))
	var stop context.CancelFunc = func() {}
	root.PersistentPreRun = func(c *cobra.Command, _ []string) {
		// The end of its terminal ends a command, except under nohup.
		if !cli.Is(c, cli.Outlives) && !signal.Ignored(syscall.SIGHUP) {
			var ctx context.Context
			ctx, stop = signal.NotifyContext(c.Context(), syscall.SIGHUP)
			c.SetContext(ctx)
		}
	}
	c, err := root.ExecuteContextC(ctx)
	defer func() { stop() }()
	return p.Exit(c.Context(), c, err)
}

// sameInterrupt is how long after the first one a further signal counts as the same. A
// shell and a process group may both deliver one Ctrl-C, and a service manager may send
// SIGINT and SIGTERM together, some milliseconds apart. A person who presses Ctrl-C again
// because nothing seems to happen takes longer.
const sameInterrupt = 500 * time.Millisecond

// interruptible returns a context that ends with the first of the signals. For a while
// further ones do nothing. Then fatal is closed, and the next one ends the process at
// once, as it does in a program that does not handle signals.
func interruptible(while time.Duration, signals ...os.Signal) (ctx context.Context, fatal <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	reset := make(chan struct{})
	first := make(chan os.Signal, 1)
	signal.Notify(first, signals...)
	go func() { // ends with the process
		<-first
		cancel()
		time.AfterFunc(while, func() {
			signal.Reset(signals...)
			close(reset)
		})
	}()
	return ctx, reset
}
