// Command daemoneye-agent watches a Linux host: it runs a message broker and
// collectors, and its subcommands talk to a running agent over its socket.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is stamped by the linker.
var version = "devel"

// program is what a command sees of the outside.
type program struct {
	in  io.Reader
	out *output
	err io.Writer
}

func main() {
	ctx, _ := interruptible(sameInterrupt, os.Interrupt, syscall.SIGTERM)
	// With a channel for SIGPIPE, a write to a pipe without a reader is an error of
	// that write, and does not end an agent whose output goes through head.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(realMain(ctx, &program{os.Stdin, &output{w: os.Stdout}, os.Stderr}, os.Args[1:]))
}

// realMain runs a command line and returns the exit status.
func realMain(ctx context.Context, p *program, args []string) int {
	root := newRoot(p)
	root.SetArgs(rewrite(root, args))
	var stop context.CancelFunc = func() {}
	root.PersistentPreRun = func(c *cobra.Command, _ []string) {
		// The end of its terminal ends a command, except under nohup.
		if !is(c, outlives) && !signal.Ignored(syscall.SIGHUP) {
			var ctx context.Context
			ctx, stop = signal.NotifyContext(c.Context(), syscall.SIGHUP)
			c.SetContext(ctx)
		}
	}
	c, err := root.ExecuteContextC(ctx)
	defer func() { stop() }()
	return p.exit(c.Context(), c, err)
}
