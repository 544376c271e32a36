package config

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// New makes the command config.
func New(p *cli.Program) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use: "config", Short: "check, show or explain the configuration",
		Long: `
The configuration is /etc/daemoneye/config.yaml for root, and for others
~/.config/daemoneye/config.yaml; the files conf.d/*.yaml beside it take precedence
over it, variables such as DAEMONEYE_LOG_LEVEL over these, and flags over all.
The variable DAEMONEYE_CONFIG and the flag --config name another file.`,
		Example: `daemoneye-agent config default >config.yaml
daemoneye-agent config check --config config.yaml`,
	}, newConfigCheck(p), newConfigShow(p), newConfigDefault(p), newConfigSchema(p))
}

func newConfigCheck(p *cli.Program) *cobra.Command {
	var s cli.Settings
	c := &cobra.Command{
		Use: "check", Short: "list every mistake in the configuration", Args: cli.NoArgs,
		Long: `
Read the configuration as run does, and list every mistake in it, with its place
and the most similar valid key. The exit status is 0 when all is right, else 2.`,
		Example: "daemoneye-agent config check && daemoneye-agent reload",
	}
	s.Flags(c)
	c.RunE = func(*cobra.Command, []string) error {
		l, err := s.LoadAndWarn(p)
		if err != nil {
			return err
		}
		from := "no file"
		if len(l.Files) > 0 {
			from = strings.Join(l.Files, ", ")
		}
		fmt.Fprintf(p.Out, "right: %s\n", from)
		return nil
	}
	return c
}

func newConfigShow(p *cli.Program) *cobra.Command {
	var s cli.Settings
	c := &cobra.Command{
		Use: "show", Short: "print all values in force", Args: cli.NoArgs,
		Long: `
Print the value of every key as run would have it. With --origin each is followed
by its source: default, the file and line, the variable, or the flag.`,
		Example: "daemoneye-agent config show --origin",
	}
	s.Flags(c)
	origin := c.Flags().Bool("origin", false, "show where each value comes from")
	c.RunE = func(*cobra.Command, []string) error {
		l, err := s.LoadAndWarn(p)
		if err != nil {
			return err
		}
		return l.Write(p.Out, *origin)
	}
	return c
}

func newConfigDefault(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use: "default", Short: "print a file with every key and its default", Args: cli.NoArgs,
		Long:    "Print a configuration file that has every key with its default, its bounds and what it is.",
		Example: "daemoneye-agent config default >/etc/daemoneye/config.yaml",
		RunE:    func(*cobra.Command, []string) error { return config.WriteDefault(p.Out) },
	}
}

func newConfigSchema(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "print the JSON schema of the file, for editors", Args: cli.NoArgs,
		Long:    "Print the JSON schema of a configuration file. Editors complete and check by it.",
		Example: "daemoneye-agent config schema >daemoneye.schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := p.Out.Write(config.Schema())
			return err
		},
	}
}
