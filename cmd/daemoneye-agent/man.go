package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

func newMan(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use: "man [COMMAND]...", Short: "print the manual page of a command",
		Long: `
Print the manual page of the program or of a command in roff. With --folder the
pages of all commands are written into a folder instead.`,
		Example: `daemoneye-agent man tail | man -l -
daemoneye-agent man --folder /usr/local/share/man/man1`,
	}
	folder := c.Flags().String("folder", "", "`PATH` of a folder that takes the pages of all commands")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *folder != "" {
			if err := cli.NoArgs(c, args); err != nil {
				return err
			}
			return writePages(*folder, c.Root(), p.Version)
		}
		of, rest, err := c.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return cli.NoCommandError{Name: strings.Join(args, " "), Known: cli.Names(c.Root())}
		}
		return page(p.Out, of, p.Version)
	}
	return c
}

// writePages writes the pages of c and of all below it.
func writePages(folder string, c *cobra.Command, version string) error {
	f, err := os.Create(filepath.Join(folder, pageName(c)+".1"))
	if err != nil {
		return err
	}
	err = page(f, c, version)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	for _, sub := range cli.Visible(c) {
		if err == nil {
			err = writePages(folder, sub, version)
		}
	}
	return err
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// page writes the manual page of c: the same facts as its help.
func page(w io.Writer, c *cobra.Command, version string) error {
	var b strings.Builder
	heading := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"daemoneye-agent %s\"\n", strings.ToUpper(roff(pageName(c))), roff(version))
	heading("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(pageName(c)), roff(c.Short))
	heading("SYNOPSIS")
	fmt.Fprintf(&b, ".B %s\n", roff(cli.UsageLine(c)))
	heading("DESCRIPTION")
	fmt.Fprintf(&b, "%s\n", roff(strings.TrimSpace(c.Long)))
	if subs := cli.Visible(c); len(subs) > 0 {
		heading("COMMANDS")
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s; see\n.BR %s (1)\n", roff(strings.TrimSpace(sub.Name()+" "+cli.ArgsOf(sub))), roff(sub.Short), roff(pageName(sub)))
		}
	}
	options := false
	cli.EachFlag(c, func(name, kind, text string) {
		if !options {
			heading("OPTIONS")
		}
		options = true
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace("--"+name+" "+kind)), roff(text))
	})
	heading("EXIT STATUS")
	fmt.Fprintf(&b, "%s\n", roff(cli.ExitText))
	if c.Example != "" {
		heading("EXAMPLES")
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(c.Example))
	}
	if c.HasParent() {
		heading("SEE ALSO")
		fmt.Fprintf(&b, ".BR %s (1)\n", roff(pageName(c.Parent())))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// roff escapes text: backslashes, dashes that are to be copied, what is no ASCII, and
// what would be a request at the begin of a line.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`, `"`, `\(dq`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, `\(aq`) {
			lines[i] = `\&` + l
		}
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
