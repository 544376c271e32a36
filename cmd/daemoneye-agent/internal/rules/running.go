package rules

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
)

// newRulesReload makes the command rules reload.
func newRulesReload(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "reload", Short: "have the agent read its rules again", Args: cli.NoArgs,
		Long: `
Have the running agent read its rules again, and print what it has loaded, what cannot
match here and what is wrong. Events go on meanwhile, and a correlation that means
the same as before goes on counting. A file that was right before and has a mistake now
stays in force as it was, until it is mended or removed. The exit status is 0 when no
rule has a mistake. The agent does the same by itself when a file of its rules changes,
unless detection.watch is false.`,
		Example: "daemoneye-agent rules reload --json | jq .problems",
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print the answer as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var r control.RulesReport
		if err := ask(c.Context(), &t, control.RulesReloadTarget, nil, &r); err != nil {
			return err
		}
		if *asJSON {
			if err := p.JSON(&r); err != nil {
				return err
			}
		} else {
			cli.PrintRules(p, &r)
		}
		if r.Errors > 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return nil
	}
	return c
}

// askTimeout is how long a healthy agent may take to read its rules.
const askTimeout = 20 * time.Second

// ask sends a request to the agent.
func ask(ctx context.Context, t *cli.Target, target string, body, answer any) error {
	return cli.Ask(ctx, t, ipc.ClientOptions{Name: "rules"}, askTimeout, target, body, answer)
}

// listRunning lists the rules that the running agent has loaded.
func listRunning(ctx context.Context, p *cli.Program, t *cli.Target, f *ruleFilter, asJSON bool) error {
	for after := 0; ; {
		var page control.RulesPage
		if err := ask(ctx, t, control.RulesListTarget, &control.RulesQuery{After: after}, &page); err != nil {
			return err
		}
		for i := range page.Rules {
			if err := f.print(p, &page.Rules[i], asJSON); err != nil {
				return err
			}
		}
		if after += len(page.Rules); !page.More {
			return nil
		}
	}
}

// print prints a rule, if the filter takes it: on one line, and why it is inactive on
// another one.
func (f *ruleFilter) print(p *cli.Program, x *control.RuleInfo, asJSON bool) error {
	if !f.takes(x) {
		return nil
	}
	if asJSON {
		return p.JSONLine(x)
	}
	state := "active"
	if !x.Active {
		state = "inactive"
	}
	const below = "               " // the title, or the id
	line := fmt.Sprintf("%-13s  %-8s  %-36s  %s", x.Level, state, display.Clean(x.ID), display.Clean(x.Title))
	if width := p.Out.Width(); width > 0 && utf8.RuneCountInString(line) > width {
		p.Line("%-13s  %-8s  %s", x.Level, state, x.Title)
		line = strings.TrimRight(below+display.Clean(x.ID), " ")
	}
	if line != "" {
		fmt.Fprintln(p.Out, line)
	}
	if x.Inactive != "" {
		p.Line("%s%s", below, x.Inactive)
	}
	return nil
}
