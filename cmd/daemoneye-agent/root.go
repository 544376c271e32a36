package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What is special about a command stands in its annotations.
const (
	// endless commands go on until Ctrl-C, so that is no failure of theirs.
	endless = "endless"
	// outlives commands are not ended by SIGHUP, as all others are by the end of their
	// terminal.
	outlives = "outlives"
)

func is(c *cobra.Command, what string) bool { return c.Annotations[what] != "" }

func annotations(all ...string) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		m[a] = a
	}
	return m
}

// newRoot makes the tree of all commands.
func newRoot(p *program) *cobra.Command {
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
				return noCommandError{args[0], names(c)}
			}
			p.help(p.err, c)
			return statusError(exitUsage)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.AddCommand(
		newRun(p), newStatus(p), newCollectors(p), newReload(p), newTail(p), newFields(p), newRules(p), newTopics(p), newPublish(p), newRequest(p), newBench(p), newConfig(p),
		newVersion(p), newCompletion(p), newMan(p), newUnit(p), newCollector(p),
	)
	root.SetHelpCommand(newHelp(p))
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { p.help(p.out, c) })
	root.SetUsageFunc(func(c *cobra.Command) error { p.help(p.err, c); return nil })
	root.SetFlagErrorFunc(flagError)
	nameValues(root)
	return root
}

// valueName is the annotation of a flag with what help calls its value.
const valueName = "value"

// nameValues takes the name of a flag's value out of the backquotes in its
// explanation, for c and all below it, because completion shows the explanation as it
// is.
func nameValues(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		kind, text := pflag.UnquoteUsage(f)
		f.Usage = text
		// It fails for a flag that is not there, and this one is.
		_ = c.Flags().SetAnnotation(f.Name, valueName, []string{kind})
	})
	for _, sub := range c.Commands() {
		nameValues(sub)
	}
}

// newHelp makes the command help, which knows the commands below others.
func newHelp(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]...",
		Short:   "explain a command",
		Long:    "Explain a command, its flags and its use.",
		Example: "daemoneye-agent help tail\ndaemoneye-agent help config show",
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return noCommandError{strings.Join(args, " "), names(c.Root())}
			}
			of.InitDefaultHelpFlag()
			p.help(p.out, of)
			return nil
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (all []string, _ cobra.ShellCompDirective) {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range visible(of) {
				all = append(all, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// noCommandError is a command that does not exist.
type noCommandError struct{ name, known string }

func (e noCommandError) Error() string {
	return fmt.Sprintf("there is no command %q%s", e.name, meant(e.name, strings.Split(e.known, ", ")))
}

// visible returns the commands below c that its help names.
func visible(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

func names(c *cobra.Command) string {
	var all []string
	for _, sub := range visible(c) {
		all = append(all, sub.Name())
	}
	return strings.Join(all, ", ")
}

// noArgs refuses arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("takes no arguments, got %q", args[0])
	}
	return nil
}

// group is a command that has only commands below it.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.AddCommand(subs...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		want := oneOf(strings.Split(names(c), ", "))
		if len(args) == 0 {
			return usagef("wants a command: %s", want)
		}
		return usagef("there is no %q: want %s%s", args[0], want, meant(args[0], strings.Split(names(c), ", ")))
	}
	return c
}

// oneOf writes words as a, b or c.
func oneOf(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}

// flagError turns an error of the flag parser into our own text.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var bound *boundError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if s := unknown.GetSpecifiedShortnames(); s != "" {
			name = "-" + s
		}
		return usagef("flag provided but not defined: %s%s", name, meant(name, flagNames(c)))
	case errors.As(err, &missing):
		return usagef("flag needs an argument: --%s", missing.GetSpecifiedName())
	case errors.As(err, &invalid) && errors.As(err, &bound):
		return usagef("--%s is %w", invalid.GetFlag().Name, bound)
	case errors.As(err, &invalid):
		return usagef("invalid value %q for flag --%s: %v", invalid.GetValue(), invalid.GetFlag().Name, reason(invalid))
	}
	return usageError{err}
}

// reason is the innermost error of a value, without the names of packages.
func reason(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
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
