package bus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

var eventTables = []event.Table{
	event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance, event.TableGap,
}

func tableNames() (all []string) {
	for _, t := range eventTables {
		all = append(all, t.String())
	}
	return all
}

// NewFields makes the command fields.
func NewFields(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use: "fields [TYPE]", Short: "explain the fields of events",
		Long: `
Print the fields of events: of those of one type (process, network, filesystem,
performance, gap), or of all. Each has its name in the Elastic Common Schema, what
it holds, its names in Sigma rules, and one line about it with the flags that stand
in daemoneye.context where it could not be read. No agent has to run.`,
		Example: `daemoneye-agent fields process
daemoneye-agent fields --json`,
		ValidArgs: tableNames(),
	}
	asJSON := c.Flags().Bool("json", false, "print the fields as JSON")
	c.RunE = func(_ *cobra.Command, args []string) error {
		which := eventTables
		if len(args) > 1 {
			return cli.Usagef("wants one type at most")
		}
		if len(args) == 1 {
			t := event.TableByName(args[0])
			if t == 0 {
				return cli.Usagef("there is no type %q: the types are %s%s", args[0], strings.Join(tableNames(), ", "), cli.Meant(args[0], tableNames()))
			}
			which = []event.Table{t}
		}
		if *asJSON {
			return printFieldsJSON(p, which)
		}
		printFields(p, which)
		return nil
	}
	return c
}

const indent = 6 // of what is printed about a field

// printFields prints the fields of every event once, and then those of each table.
func printFields(p *cli.Program, which []event.Table) {
	part := func(title string, own bool, t event.Table) {
		fmt.Fprintf(p.Out, "%s:\n", title)
		for _, f := range t.Fields() {
			if f.Own() == own {
				fmt.Fprintf(p.Out, "  %s\n", strings.TrimRight(fmt.Sprintf("%-33s %-7s %s", f.Name(), f.Kind(), strings.Join(f.Aliases(), ", ")), " "))
				doc, flags := f.Doc(), inParentheses(f.Unread()|f.Partial())
				if indent+len(doc)+len(flags) > cli.Width {
					flags = strings.Replace(flags, " ", "\n"+strings.Repeat(" ", indent), 1)
				}
				fmt.Fprintf(p.Out, "%*s%s%s\n", indent, "", doc, flags)
			}
		}
	}
	part("Every event", false, which[0])
	for _, t := range which {
		title := "Events of type " + t.String()
		switch {
		case t == event.TableGap:
			title = "A gap in events of any type"
		case !slices.Contains(cli.CollectorNames(), t.String()):
			title += " (no collector of the agent makes them yet)"
		}
		fmt.Fprintln(p.Out)
		part(title, true, t)
	}
}

func inParentheses(f event.Flags) string {
	if f == 0 {
		return ""
	}
	return " (" + strings.Join(slices.Collect(f.Names()), ", ") + ")"
}

// fieldInfo is a field as --json prints it.
type fieldInfo struct {
	Table  string   `json:"table"` // empty: of every event
	Name   string   `json:"name"`
	Sigma  []string `json:"sigma,omitempty"`
	Kind   string   `json:"kind"`
	Unread []string `json:"unread,omitempty"`
	Part   []string `json:"partial,omitempty"`
	Doc    string   `json:"doc"`
}

func printFieldsJSON(p *cli.Program, which []event.Table) error {
	var all []fieldInfo
	for i, t := range which {
		for _, f := range t.Fields() {
			if !f.Own() && i > 0 {
				continue
			}
			info := fieldInfo{
				Name: f.Name(), Sigma: f.Aliases(), Kind: f.Kind().String(), Doc: f.Doc(),
				Unread: slices.Collect(f.Unread().Names()), Part: slices.Collect(f.Partial().Names()),
			}
			if f.Own() {
				info.Table = t.String()
			}
			all = append(all, info)
		}
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = p.Out.Write(append(b, '\n'))
	return err
}
