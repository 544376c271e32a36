package main

import (
	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

func newCompletion(p *cli.Program) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use: "completion", Short: "print a script that completes commands in a shell",
		Long: `
Print a script for a shell, which then completes commands, flags, keys of the
configuration and their values.`,
		Example: `source <(daemoneye-agent completion bash)
daemoneye-agent completion fish | source`,
	},
		shell("bash", func(root *cobra.Command) error { return root.GenBashCompletionV2(p.Out, true) }),
		shell("zsh", func(root *cobra.Command) error { return root.GenZshCompletion(p.Out) }),
		shell("fish", func(root *cobra.Command) error { return root.GenFishCompletion(p.Out, true) }),
	)
}

func shell(name string, write func(root *cobra.Command) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: "print the script for " + name, Args: cli.NoArgs,
		Long:    "Print the script for " + name + ".",
		Example: "daemoneye-agent completion " + name,
		RunE:    func(c *cobra.Command, _ []string) error { return write(c.Root()) },
	}
}
