package daemon

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// unitFiles are the units for systemd.
//
//go:embed systemd/daemoneye-agent.service systemd/daemoneye-agent.socket
var unitFiles embed.FS

// unitProgram is the program in the units.
const unitProgram = "/usr/local/bin/daemoneye-agent"

// NewUnit makes the command unit.
func NewUnit(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use: "unit", Short: "print or install the units for systemd", Args: cli.NoArgs,
		Long: `
Print the service and its socket for systemd, or write both into a folder. The
service runs as root without root's rights: it may read everything, write its own
folders only, and speak to this host only. Clients may connect before it runs.
systemd restarts it when its parts no longer move.`,
		Example: `daemoneye-agent unit
daemoneye-agent unit --folder /etc/systemd/system
systemctl daemon-reload
systemctl enable --now daemoneye-agent.socket daemoneye-agent.service`,
	}
	folder := c.Flags().String("folder", "", "`PATH` of a folder that takes both files")
	path := c.Flags().String("program", unitProgram, "`PATH` where this program is installed")
	c.RunE = func(*cobra.Command, []string) error {
		if !filepath.IsAbs(*path) || plainPath(*path) != *path {
			return cli.Usagef("--program is %q, want an absolute path without spaces, quotes, %% and \\", *path)
		}
		files, err := units(*path)
		if err != nil {
			return err
		}
		for _, f := range files {
			if *folder == "" {
				fmt.Fprintf(p.Out, "# %s\n%s\n", f.name, f.text)
				continue
			}
			to := filepath.Join(*folder, f.name)
			if err := os.WriteFile(to, f.text, 0o644); err != nil {
				return err
			}
			fmt.Fprintln(p.Out, to)
		}
		return nil
	}
	return c
}

// plainPath returns a path without what means something in a unit.
func plainPath(path string) string {
	return string(bytes.Map(func(r rune) rune {
		if r <= ' ' || r == '"' || r == '\'' || r == '\\' || r == '%' || r == '$' || r == ';' || r == 0x7f {
			return -1
		}
		return r
	}, []byte(path)))
}

// unit is one file for systemd.
type unit struct {
	name string
	text []byte
}

// units returns the units of a program.
func units(program string) (all []unit, err error) {
	entries, err := fs.ReadDir(unitFiles, "systemd")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := unitFiles.ReadFile("systemd/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, unit{e.Name(), bytes.ReplaceAll(text, []byte(unitProgram), []byte(program))})
	}
	return all, nil
}
