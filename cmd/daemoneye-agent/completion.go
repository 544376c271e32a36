package main

import (
	"github.com/spf13/cobra"
)

func newCompletion(p *program) *cobra.Command {
	return group(&cobra.Command{
		Use: "completion", Short: "print a script that completes commands in a shell",
		Long: `
Print a script for a shell, which then completes commands, flags, keys of the
configuration and their values.`,
		Example: `source <(daemoneye-agent completion bash)
daemoneye-agent completion fish | source`,
	},
		shell("bash", func(root *cobra.Command) error { return root.GenBashCompletionV2(p.out, true) }),
		shell("zsh", func(root *cobra.Command) error { return root.GenZshCompletion(p.out) }),
		shell("fish", func(root *cobra.Command) error { return root.GenFishCompletion(p.out, true) }),
	)
}

func shell(name string, write func(root *cobra.Command) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "print the script for " + name, Args: noArgs,
		Long:    "Print the script for " + name + ".",
		Example: "daemoneye-agent completion " + name,
		RunE:    func(c *cobra.Command, _ []string) error { return write(c.Root()) },
	}
}

// complete makes words the completions of a flag's value.
func complete(c *cobra.Command, flag string, words []string) {
	directive := cobra.ShellCompDirectiveNoFileComp
	if flag == "set" {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	// It fails for a flag that is not there, a programmer's mistake that each test shows.
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, directive)); err != nil {
		panic(err)
	}
}

// firstArg completes the first argument with words, and the others with nothing.
func firstArg(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
