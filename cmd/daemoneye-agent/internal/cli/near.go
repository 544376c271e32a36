package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/daemoneye/eventbus/agent/spelling"
)

// Meant asks for the word that is most like a wrong one, and is empty where none is.
func Meant(wrong string, words []string) string {
	if near := spelling.Nearest(wrong, words); near != "" {
		return "; do you mean " + near + "?"
	}
	return ""
}

// flagNames are those of c's flags, with their dashes.
func flagNames(c *cobra.Command) (all []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return all
}
