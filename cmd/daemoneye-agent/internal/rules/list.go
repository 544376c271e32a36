package rules

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// ruleFilter are the flags that choose rules.
type ruleFilter struct {
	level, status, tag string
	inactive, active   bool
}

func (f *ruleFilter) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.level, "level", "", "only rules of this `LEVEL` or above")
	c.Flags().StringVar(&f.status, "status", "", "only rules of this `STATUS`")
	c.Flags().StringVar(&f.tag, "tag", "", "only rules with a `TAG` that begins so, such as attack.t1059")
	c.Flags().BoolVar(&f.active, "active", false, "only rules that can match here")
	c.Flags().BoolVar(&f.inactive, "inactive", false, "only rules that cannot")
}

func (f *ruleFilter) check() error {
	if f.level != "" && sigma.LevelByName(f.level) == 0 {
		return cli.Usagef("--level %s: want informational, low, medium, high or critical", f.level)
	}
	if f.status != "" && sigma.StatusByName(f.status) == sigma.StatusNone {
		return cli.Usagef("--status %s: want stable, test, experimental, deprecated or unsupported", f.status)
	}
	if f.active && f.inactive {
		return cli.Usagef("--active and --inactive leave no rule")
	}
	return nil
}

func (f *ruleFilter) takes(x *control.RuleInfo) bool {
	tagged := f.tag == ""
	for _, tag := range x.Tags {
		tagged = tagged || strings.HasPrefix(tag, strings.ToLower(f.tag))
	}
	return tagged &&
		sigma.LevelByName(x.Level) >= sigma.LevelByName(f.level) &&
		(f.status == "" || x.Status == f.status) &&
		(!f.active || x.Active) && (!f.inactive || !x.Active)
}

func newRulesList(p *cli.Program) *cobra.Command {
	var o ruleOptions
	var t cli.Target
	var f ruleFilter
	c := &cobra.Command{
		Use: "list [PATH]...", Short: "list rules, one a line",
		Long: `
List rules and correlations: level, whether the rule can match here, id, title. An
inactive one is followed by the reason; on a terminal where it does not fit, the id
stands below too. What is wrong with other rules goes to standard error, and the exit
status is 1 then. Without a PATH and --builtin they are the rules that the running agent
has loaded.`,
		Example: "daemoneye-agent rules list rules/ --level high --tag attack.persistence",
	}
	o.flags(c)
	f.flags(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON object a line")
	t.Flags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if len(args) == 0 && !o.builtin {
			return listRunning(c.Context(), p, &t, &f, *asJSON)
		}
		r, err := o.load(args)
		if err != nil {
			return err
		}
		bad := problems(p, r, false)
		for _, d := range documentsOf(r) {
			if err := f.print(p, infoOf(d), *asJSON); err != nil {
				return err
			}
		}
		if bad > 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return nil
	}
	return c
}

// infoOf returns what --json prints of a rule: the same that an agent answers.
func infoOf(d document) *control.RuleInfo {
	h := d.head
	info := &control.RuleInfo{
		ID: h.ID, Name: h.Name, Title: h.Title, Level: h.Level.String(), Status: h.Status.String(), Tags: h.Tags,
		File: h.File, Line: h.Line, Kind: "correlation", Active: d.inactive == "", Inactive: d.inactive,
	}
	if d.rule != nil {
		info.Kind = "rule"
		for _, f := range d.rule.Filters {
			info.Filters = append(info.Filters, f.Label())
		}
	}
	return info
}

func newRulesShow(p *cli.Program) *cobra.Command {
	var o ruleOptions
	c := &cobra.Command{
		Use: "show RULE [PATH]...", Short: "show one rule as it was understood",
		Long: `
Show the rule with that id, name or title: what it is about, whether it can match
here, its condition, and each selection as it was understood: modifiers applied,
placeholders filled in, wildcards with backslashes where they stand for themselves.`,
		Example: "daemoneye-agent rules show 'Shell in a network connection' rules/",
	}
	o.flags(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		d, err := o.one(p, args)
		if err != nil {
			return err
		}
		showRule(p, d)
		return nil
	}
	return c
}

func showRule(p *cli.Program, d document) {
	line := func(name, text string) {
		if text = display.CleanLines(strings.TrimSpace(text)); text != "" {
			fmt.Fprintf(p.Out, "%-12s %s\n", name, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 13)))
		}
	}
	h := d.head
	line("title", h.Title)
	line("id", h.ID)
	line("name", h.Name)
	line("level", h.Level.String())
	line("status", h.Status.String())
	line("tags", strings.Join(h.Tags, " "))
	line("description", h.Description)
	line("file", fmt.Sprintf("%s:%d", h.File, h.Line))
	if line("inactive", d.inactive); d.inactive == "" {
		line("active", "yes")
	}
	if d.correlation != nil {
		x := d.correlation
		line("type", x.Kind.String())
		line("rules", strings.Join(x.Rules, " "))
		line("group by", strings.Join(x.GroupBy, " "))
		line("timespan", x.Span.String())
		return
	}
	s := h.LogSource
	line("logsource", strings.TrimSpace(strings.Join([]string{s.Product, s.Category, s.Service}, " ")))
	for _, text := range d.rule.Sources {
		line("condition", text)
	}
	showSelections(p, d.rule.Selections)
	for _, f := range d.rule.Filters {
		line("filter", f.Label())
		line("condition", strings.Join(f.Sources, "\n"))
		showSelections(p, f.Selections)
	}
}

func showSelections(p *cli.Program, all []*expr.Selection) {
	for _, s := range all {
		fmt.Fprintf(p.Out, "%s:\n", display.Clean(s.Name))
		showExpr(p, s.Expr, 1)
	}
}

func showExpr(p *cli.Program, e expr.Expr, depth int) {
	margin := strings.Repeat("  ", depth)
	parts := func(what string, all []expr.Expr) {
		fmt.Fprintf(p.Out, "%s%s\n", margin, what)
		for _, x := range all {
			showExpr(p, x, depth+1)
		}
	}
	switch e := e.(type) {
	case expr.And:
		parts("all of", e)
	case expr.Or:
		parts("one of", e)
	case expr.Not:
		parts("not", []expr.Expr{e.Expr})
	case *expr.Ref:
		fmt.Fprintf(p.Out, "%s%s\n", margin, display.Clean(e.Selection.Name))
	case *expr.Atom:
		fmt.Fprintf(p.Out, "%s%s\n", margin, display.Clean(e.String()))
	}
}
