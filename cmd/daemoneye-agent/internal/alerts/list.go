package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// filterFlags choose alerts.
type filterFlags struct {
	level, rule, host, text string
	status                  []string
	since, until            string
	all, silenced           bool
}

func (f *filterFlags) flags(c *cobra.Command, all bool) {
	levelFlag(c, &f.level)
	fs := c.Flags()
	fs.StringVar(&f.rule, "rule", "", "only alerts of the rule with that id, or with `TEXT` in its title")
	fs.StringSliceVar(&f.status, "status", nil, "only alerts of these `STATUSES`: open, acknowledged, closed")
	cli.Complete(c, "status", alert.Statuses())
	fs.StringVar(&f.host, "host", "", "only alerts of the host with that `NAME` or id")
	fs.StringVar(&f.text, "text", "", "only alerts with `TEXT` anywhere in them")
	fs.StringVar(&f.since, "since", "", "only alerts raised since a `TIME`, or so long ago: 2026-11-27, 2026-11-27T08:00, 90m, 2d")
	fs.StringVar(&f.until, "until", "", "only alerts raised before a `TIME`, or longer ago")
	fs.BoolVar(&f.silenced, "silenced", false, "only alerts that a silence had matched")
	if f.all = all; !all {
		fs.BoolVar(&f.all, "all", false, "closed alerts too")
	}
}

func (f *filterFlags) filter(now time.Time) (x *desk.Filter, err error) {
	x = &desk.Filter{Level: f.level, Rule: f.rule, Host: f.host, Text: f.text}
	if f.level != "" {
		if _, err := alert.ParseLevel(f.level); err != nil {
			return nil, cli.Usagef("--level %s: want %s%s", f.level, strings.Join(alert.Levels(), ", "), cli.Meant(f.level, alert.Levels()))
		}
	}
	for _, text := range f.status {
		s, err := alert.ParseStatus(text)
		if err != nil {
			return nil, cli.Usagef("--status %s: want %s%s", text, strings.Join(alert.Statuses(), ", "), cli.Meant(text, alert.Statuses()))
		}
		x.Status = append(x.Status, s)
	}
	if len(f.status) == 0 && !f.all {
		x.Status = []alert.Status{alert.Open, alert.Acknowledged}
	}
	if x.Since, err = moment("since", f.since, now); err != nil {
		return nil, err
	}
	if x.Until, err = moment("until", f.until, now); err != nil {
		return nil, err
	}
	if f.silenced {
		x.Silenced = &f.silenced
	}
	return x, nil
}

var momentForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// moment reads a time, or how long ago it was.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := span(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, cli.Usagef("--%s %s: want a time such as 2026-11-27T08:00, or how long ago: 90m, 2d", flag, text)
}

// span reads a time span, with days.
func span(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	d, err := time.ParseDuration(days + "h")
	if err != nil || d < 0 || d > 10_000*time.Hour {
		return 0, fmt.Errorf("%q is no number of days", days)
	}
	if d *= 24; rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

func newList(p *cli.Program) *cobra.Command {
	var t cli.Target
	var f filterFlags
	var form formFlags
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "list alerts, the newest first", Args: cli.NoArgs,
		Long: `
List the alerts that are not closed, the newest first. On a terminal each is one
line: the end of its id, when it was raised, level, status, how often it happened if
more than once, the rule's title, who did it, and the detail that matters. Elsewhere,
and with --json, it is one JSON object a line.`,
		Example: `daemoneye-agent alerts list
daemoneye-agent alerts list --level high --since 24h --text curl
daemoneye-agent alerts list --status closed --json | jq .rule.title`,
	}
	t.Flags(c)
	f.flags(c, false)
	form.flags(c)
	cli.IntFlag(c.Flags(), &limit, "limit", 100, 1, 1_000_000, "list `N` alerts at most")
	c.RunE = func(c *cobra.Command, _ []string) error {
		x, err := f.filter(time.Now())
		if err != nil {
			return err
		}
		out, err := form.printer(p)
		if err != nil {
			return err
		}
		return runList(c.Context(), p, &t, x, out, limit)
	}
	return c
}

func runList(ctx context.Context, p *cli.Program, t *cli.Target, f *desk.Filter, out *printer, limit int) error {
	s, err := connect(ctx, p, t, true)
	if err != nil {
		return err
	}
	defer s.close()
	n, more, err := s.pages(ctx, f, limit, out.alert)
	switch {
	case err != nil:
		return err
	case n == 0 && !out.json:
		fmt.Fprintln(p.Out, "there are no such alerts")
	case more && !out.json:
		fmt.Fprintf(p.Out, "There are more: these are the newest %d, see --limit.\n", n)
	}
	return nil
}

// pages passes at most limit alerts to f, and returns how many those are and whether there
// are more.
func (s *session) pages(ctx context.Context, filter *desk.Filter, limit int, f func([]byte) error) (n int, more bool, err error) {
	const page = 200
	for {
		x := *filter
		x.Limit = min(limit-n, page)
		a, err := s.ask(ctx, &desk.Request{Do: desk.List, Filter: &x})
		if err != nil {
			return n, false, err
		}
		for _, b := range a.Alerts {
			if err := f(b); err != nil {
				return n, false, err
			}
			n++
		}
		if !a.More || n >= limit || len(a.Alerts) == 0 {
			return n, a.More, nil
		}
		var last struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(a.Alerts[len(a.Alerts)-1], &last); err != nil {
			return n, false, fmt.Errorf("answer of the agent: %w", err)
		}
		filter = &x
		filter.Before = last.ID
	}
}

func newExport(p *cli.Program) *cobra.Command {
	var t cli.Target
	var f filterFlags
	c := &cobra.Command{
		Use: "export", Short: "print whole alerts as JSON", Args: cli.NoArgs,
		Long: `
Print alerts as JSON, one object a line, the newest first: whole, with the context
and the members of correlations, also those that are closed. Nothing is redacted:
what leaves the host through an output may have less.`,
		Example: "daemoneye-agent alerts export --since 7d > alerts.jsonl",
	}
	t.Flags(c)
	f.flags(c, true)
	c.RunE = func(c *cobra.Command, _ []string) error {
		x, err := f.filter(time.Now())
		if err != nil {
			return err
		}
		x.Whole = true
		s, err := connect(c.Context(), p, &t, true)
		if err != nil {
			return err
		}
		defer s.close()
		_, _, err = s.pages(c.Context(), x, math.MaxInt, newPrinter(p, true, false).alert)
		return err
	}
	return c
}
