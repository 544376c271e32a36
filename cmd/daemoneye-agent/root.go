package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/alerts"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/bus"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/collectors"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/daemon"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/outputs"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/processes"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/rules"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/status"
)

// newRoot makes the tree of all commands.
func newRoot(p *cli.Program) *cobra.Command {
	return newTree(p,
		daemon.NewRun(p), status.New(p), collectors.New(p), alerts.New(p), outputs.New(p), status.NewReload(p), bus.NewTail(p), processes.New(p), processes.NewTree(p), bus.NewFields(p), rules.New(p), bus.NewTopics(p), bus.NewPublish(p), bus.NewRequest(p), bus.NewBench(p), config.New(p),
		status.NewVersion(p), newCompletion(p), newMan(p), daemon.NewUnit(p), collectors.NewCollector(p),
	)
}

// treeFor makes the tree that a command line needs. What the agent starts has no other
// command than collector, because to make all of them with their flags takes 3.5 ms of the
// 9.5 ms of processor time until a collector is there, and 1.9 MB.
func treeFor(p *cli.Program, args []string) *cobra.Command {
	if c := collectors.NewCollector(p); len(args) == 2 && args[0] == c.Name() && !strings.HasPrefix(args[1], "-") {
		return newTree(p, c)
	}
	return newRoot(p)
}

func newTree(p *cli.Program, commands ...*cobra.Command) *cobra.Command {
	cobra.EnableCommandSorting = false // what is used most stands first
	root := &cobra.Command{
		Use:   "daemoneye-agent",
		Short: "watch a Linux host",
		Long:  "daemoneye-agent watches a Linux host and tells what happens on it.",
		Example: `daemoneye-agent run &
daemoneye-agent tail 'events.process.#'`,
		Args:          cobra.ArbitraryArgs, // what is no command gets here
		SilenceErrors: true,                // exit prints them in one place, in one form
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.NoCommandError{Name: args[0], Known: cli.Names(c)}
			}
			p.Help(p.Err, c)
			return cli.StatusError(cli.ExitUsage)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.AddCommand(commands...)
	root.SetHelpCommand(newHelp(p))
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { p.Help(p.Out, c) })
	root.SetUsageFunc(func(c *cobra.Command) error { p.Help(p.Err, c); return nil })
	root.SetFlagErrorFunc(cli.FlagError)
	cli.NameValues(root)
	return root
}

// newHelp makes the command help, which knows the commands below others.
func newHelp(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]...",
		Short:   "explain a command",
		Long:    "Explain a command, its flags and its use.",
		Example: "daemoneye-agent help tail\ndaemoneye-agent help config show",
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return cli.NoCommandError{Name: strings.Join(args, " "), Known: cli.Names(c.Root())}
			}
			of.InitDefaultHelpFlag()
			p.Help(p.Out, of)
			return nil
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (all []string, _ cobra.ShellCompDirective) {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range cli.Visible(of) {
				all = append(all, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// rewrite gives long flags with one dash, as package flag has them, their second. An
// argument that is the value of the flag before it stays as it is, and so does all
// behind --.
func rewrite(root *cobra.Command, args []string) []string {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return args // what the shell has is not complete
	}
	if len(args) > 0 && (args[0] == "-version" || args[0] == "--version") {
		return append([]string{"version"}, args[1:]...)
	}
	valued := valuedFlags(root)
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && (a[1] < '0' || a[1] > '9') {
			a = "-" + a
		}
		out = append(out, a)
		if strings.HasPrefix(a, "--") && valued[a[2:]] && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

// valuedFlags are the names of all flags that need a value.
func valuedFlags(root *cobra.Command) map[string]bool {
	valued := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal == "" {
				valued[f.Name] = true
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	return valued
}
