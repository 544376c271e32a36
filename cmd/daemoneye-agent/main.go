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
	// With somebody to notify, writing to a pipe that nobody reads is an error of
	// that write, and not the end of an agent whose output went through head.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(realMain(ctx, &program{os.Stdin, &output{w: os.Stdout}, os.Stderr}, os.Args[1:]))
}

// realMain runs a command line and returns the exit status.
func realMain(ctx context.Context, p *program, args []string) int {
	root := newRoot(p)
	root.SetArgs(rewrite(root, args))
	var stop context.CancelFunc = func() {}
	root.PersistentPreRun = func(c *cobra.Command, _ []string) {
		// The end of its terminal ends a command, but with nohup.
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
