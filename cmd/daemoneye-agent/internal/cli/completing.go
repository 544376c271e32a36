package cli

import "github.com/spf13/cobra"

// Complete makes words the completions of a flag's value.
func Complete(c *cobra.Command, flag string, words []string) {
	directive := cobra.ShellCompDirectiveNoFileComp
	if flag == "set" {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	// It fails for a flag that is not there, a programmer's mistake that each test shows.
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, directive)); err != nil {
		panic(err)
	}
}

// FirstArg completes the first argument with words, and the others with nothing.
func FirstArg(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
