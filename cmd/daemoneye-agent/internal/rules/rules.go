package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/detect/rules"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/spelling"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// New makes the command rules.
func New(p *cli.Program) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use: "rules", Short: "check, list, try and measure detection rules",
		Long: `
Detection rules are files in Sigma (version 2.1.0), and so are exceptions to them
(filter documents) and rules about several events (correlations). These commands
read the files and directories that they are given: no agent has to run. A rule
that cannot match on this host, because nobody collects its log source or one of
its fields, is inactive; the commands name the reason.`,
		Example: `daemoneye-agent rules check /etc/daemoneye/rules
daemoneye-agent rules test rules/ --events events.jsonl`,
	}, newRulesCheck(p), newRulesList(p), newRulesShow(p), newRulesTest(p), newRulesExplain(p), newRulesBench(p), newRulesCoverage(p), newRulesReload(p))
}

// ruleOptions are the flags of how rules are read.
type ruleOptions struct {
	placeholders     []string
	include, exclude []string
	withdrawn        bool
	builtin          bool
	foreign          bool // also what no collector of the agent supplies
}

func (o *ruleOptions) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.placeholders, "placeholder", nil, "what stands for a placeholder, as `NAME=VALUE`; again for each value")
	c.Flags().StringArrayVar(&o.include, "select", nil, "only take rules of this `KIND:VALUE`, with a kind of id, tag, level, status or path; * stands for any text; again for others")
	c.Flags().StringArrayVar(&o.exclude, "exclude", nil, "leave out rules of this `KIND:VALUE`; again for others")
	c.Flags().BoolVar(&o.builtin, "builtin", false, "also take the rules that come with the program")
	c.Flags().BoolVar(&o.withdrawn, "withdrawn", false, "also take rules of status deprecated and unsupported")
}

// load reads the rules of paths. The caller decides about problems.
func (o *ruleOptions) load(paths []string) (*detect.Rules, error) {
	if len(paths) == 0 && !o.builtin {
		return nil, cli.Usagef("wants files or directories with rules, or --builtin")
	}
	placeholders := map[string][]string{}
	for _, text := range o.placeholders {
		name, value, ok := strings.Cut(text, "=")
		if name = strings.Trim(name, "%"); !ok || name == "" {
			return nil, cli.Usagef("--placeholder %s: want NAME=VALUE", text)
		}
		placeholders[name] = append(placeholders[name], value)
	}
	var choice live.Choice
	for _, x := range []struct {
		flag  string
		texts []string
		to    *[]live.Selector
	}{{"select", o.include, &choice.Include}, {"exclude", o.exclude, &choice.Exclude}} {
		for _, text := range x.texts {
			selector, err := live.ParseSelector(text)
			if err != nil {
				return nil, cli.Usagef("--%s: %w", x.flag, err)
			}
			*x.to = append(*x.to, selector)
		}
	}
	s := &sigma.Set{}
	if o.builtin {
		if err := rules.AddTo(s); err != nil {
			return nil, err
		}
	}
	s.AddPaths(paths, sigma.Options{Placeholders: placeholders})
	choice.Apply(s)
	return detect.Compile(s, detect.Options{Engine: engine.Options{Withdrawn: o.withdrawn, Foreign: o.foreign}}), nil
}

// problems writes what is wrong with rules, and returns how much of it leaves a rule
// out.
func problems(p *cli.Program, r *detect.Rules, warnings bool) (bad int) {
	for _, x := range r.Set.Problems {
		what := "error"
		if x.Warning {
			what = "warning"
		} else {
			bad++
		}
		if warnings || !x.Warning {
			fmt.Fprintf(p.Err, "%s: %s\n", what, display.Clean(x.Error()))
		}
	}
	return bad
}

func newRulesCheck(p *cli.Program) *cobra.Command {
	var o ruleOptions
	c := &cobra.Command{
		Use: "check [PATH]...", Short: "list what is wrong with rules",
		Long: `
Read rules, and list what is wrong with each: file, line, rule, reason, and the
nearest right spelling. A warning leaves the rule in force. Then count them, and
the inactive ones by reason. The exit status is 0 when every rule could be read.`,
		Example: "daemoneye-agent rules check /etc/daemoneye/rules",
	}
	o.flags(c)
	quiet := c.Flags().Bool("quiet", false, "do not list warnings")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := o.load(args)
		if err != nil {
			return err
		}
		bad := problems(p, r, !*quiet)
		summary(p, r)
		if bad > 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return nil
	}
	return c
}

var causes = []struct {
	cause engine.Cause
	text  string
}{
	{engine.CauseLogFile, "for logs of services, which are not collected"},
	{engine.CauseProduct, "for other systems"},
	{engine.CauseSource, "of a log source that nobody collects"},
	{engine.CauseField, "with a field that nobody collects"},
	{engine.CauseStatus, "of status deprecated or unsupported"},
}

// summary counts what was read.
func summary(p *cli.Program, r *detect.Rules) {
	s := r.Set
	fmt.Fprintf(p.Out, "%s, %s: %s active", count(s.Files, "file"), count(len(s.Rules), "rule"), number(len(r.Engine.Active())-len(r.Idle())))
	if n := len(r.Engine.Inactive()) + len(r.Idle()); n > 0 {
		fmt.Fprintf(p.Out, ", %d inactive", n)
	}
	fmt.Fprintln(p.Out)
	for _, c := range causes {
		n := 0
		for _, i := range r.Engine.Inactive() {
			if i.Cause == c.cause {
				n++
			}
		}
		if n > 0 {
			fmt.Fprintf(p.Out, "  %5d  %s\n", n, c.text)
		}
	}
	if n := len(r.Idle()); n > 0 {
		fmt.Fprintf(p.Out, "  %5d  that only inactive correlations count\n", n)
	}
	if n := len(s.Correlations); n > 0 {
		inactive := 0
		for _, x := range s.Correlations {
			if r.InactiveCorrelation(x) != "" {
				inactive++
			}
		}
		fmt.Fprintf(p.Out, "%s: %d active", count(n, "correlation"), n-inactive)
		if inactive > 0 {
			fmt.Fprintf(p.Out, ", %d inactive", inactive)
		}
		fmt.Fprintln(p.Out)
	}
	if n := len(s.Filters); n > 0 {
		fmt.Fprintf(p.Out, "%s\n", count(n, "filter"))
	}
	bad, warnings := 0, 0
	for _, x := range s.Problems {
		if x.Warning {
			warnings++
		} else {
			bad++
		}
	}
	fmt.Fprintf(p.Out, "%s, %s\n", count(bad, "error"), count(warnings, "warning"))
}

func number(n int) string { return fmt.Sprint(n) }

// count is a number and what is counted.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// document is a rule or a correlation.
type document struct {
	head        *sigma.Head
	rule        *sigma.Rule
	correlation *sigma.Correlation
	inactive    string
}

// documentsOf returns the rules and correlations, in the order of the files.
func documentsOf(r *detect.Rules) (all []document) {
	for _, x := range r.Set.Rules {
		all = append(all, document{head: &x.Head, rule: x, inactive: r.Inactive(x)})
	}
	for _, x := range r.Set.Correlations {
		all = append(all, document{head: &x.Head, correlation: x, inactive: r.InactiveCorrelation(x)})
	}
	return all
}

// one loads rules as RULE [PATH]... asks for it, and returns that rule. Where there is no
// such rule, it prints what is wrong with those that were loaded.
func (o *ruleOptions) one(p *cli.Program, args []string) (document, error) {
	if len(args) == 0 {
		return document{}, cli.Usagef("wants a rule, and files or directories with rules")
	}
	r, err := o.load(args[1:])
	if err != nil {
		return document{}, err
	}
	d, err := find(r, args[0])
	if err != nil {
		problems(p, r, false)
	}
	return d, err
}

// find returns the document of that id, name or title.
func find(r *detect.Rules, name string) (document, error) {
	var names []string
	for _, d := range documentsOf(r) {
		own := []string{d.head.ID, d.head.Name, d.head.Title}
		if name != "" && slices.Contains(own, name) {
			return d, nil
		}
		names = append(names, own...)
	}
	if near := spelling.Nearest(name, names); near != "" {
		return document{}, cli.Usagef("no rule has the id, name or title %q: the nearest is %q", name, near)
	}
	return document{}, cli.Usagef("no rule has the id, name or title %q", name)
}
