// Command daemoneye-agent watches a Linux host: it runs a message broker and
// collectors, and its subcommands talk to a running agent over its socket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// version is stamped by the linker.
var version = "devel"

// command is one subcommand.
type command struct {
	name, args, short string
	// long explains it below the usage line.
	long string
	// run defines its flags on fs, has them parsed with parse, and does it.
	run func(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error
	// endless commands go on until Ctrl-C, so that is no failure of theirs.
	endless bool
	// hidden commands are for the agent itself.
	hidden bool
	// outlives commands are not ended by SIGHUP, as all others are by the end of their
	// terminal.
	outlives bool
}

// program is what a subcommand sees of the outside.
type program struct {
	in  io.Reader
	out *output
	err io.Writer
}

func commands() []command {
	return []command{
		runCommand, statusCommand, reloadCommand, tailCommand, publishCommand, requestCommand, benchCommand, configCommand, versionCommand, collectorCommand,
	}
}

func main() {
	// The first signal ends things in order; a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	// With somebody to notify, writing to a pipe that nobody reads is an error of
	// that write, and not the end of an agent whose output went through head.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(realMain(ctx, &program{os.Stdin, &output{w: os.Stdout}, os.Stderr}, os.Args[1:]))
}

// realMain runs a command line and returns the exit status.
func realMain(ctx context.Context, p *program, args []string) int {
	if len(args) == 0 {
		usage(p.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			args = []string{args[1], "-help"}
			break
		}
		usage(p.out)
		return p.exit(ctx, nil, nil)
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(p.err, "daemoneye-agent: error: there is no command %q\n", args[0])
		fmt.Fprintf(p.err, "daemoneye-agent: hint: the commands are %s\n", names(all))
		return exitUsage
	}
	return all[i].execute(ctx, p, args[1:])
}

func names(all []command) string {
	var s []string
	for _, c := range all {
		if !c.hidden {
			s = append(s, c.name)
		}
	}
	return strings.Join(s, ", ")
}

func usage(w io.Writer) {
	fmt.Fprint(w, `daemoneye-agent watches a Linux host and tells what happens on it.

Usage:
  daemoneye-agent COMMAND [FLAGS] [ARGUMENTS]

Commands:
`)
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-24s %s\n", strings.TrimSpace(c.name+" "+c.args), c.short)
		}
	}
	fmt.Fprint(w, `
Run "daemoneye-agent COMMAND -help" for its flags.

Exit status: 0 done, 1 failed, 2 wrong use or configuration, 3 the agent is
degraded (status), 4 it is unhealthy (status), 5 no agent runs.

Example:
  daemoneye-agent run &
  daemoneye-agent tail 'events.process.#'
`)
}

// execute runs c with its arguments.
func (c *command) execute(ctx context.Context, p *program, args []string) int {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are told in one place, in one form
	fs.Usage = func() {}
	if !c.outlives && !signal.Ignored(syscall.SIGHUP) { // it is with nohup
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	err := c.run(ctx, p, fs, func() error { return parse(fs, args) })
	if errors.Is(err, flag.ErrHelp) {
		c.help(p.out, fs)
		err = nil
	}
	return p.exit(ctx, c, err)
}

// parse is fs.Parse for flags that may stand behind arguments as well: tail
// PATTERN -json. Behind -- nothing is a flag.
func parse(fs *flag.FlagSet, args []string) error {
	var rest []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return usageError{err}
		}
		if n := len(args) - fs.NArg(); n > 0 && args[n-1] == "--" {
			rest = append(rest, fs.Args()...)
			break
		}
		if fs.NArg() == 0 {
			break
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
	return fs.Parse(append([]string{"--"}, rest...))
}

func (c *command) help(w io.Writer, fs *flag.FlagSet) {
	line, flags := c.name, ""
	fs.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		if k, ok := f.Value.(*keyFlag); ok {
			kind = k.key.Unit
		}
		flags += fmt.Sprintf("  %-24s %s", strings.TrimSpace("-"+f.Name+" "+kind), text)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			flags += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		flags += "\n"
	})
	if flags != "" {
		line, flags = line+" [FLAGS]", "\nFlags:\n"+flags
	}
	fmt.Fprintf(w, "Usage: daemoneye-agent %s\n\n%s\n%s", strings.TrimSpace(line+" "+c.args), strings.TrimSpace(c.long), flags)
}
