package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

func newShow(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "show ID...", Short: "show alerts with all that is known",
		Long: `
Show alerts whole: the rule, when and how often, what matched, the event and who did
it with its ancestors, the events of that process tree before, notes. A line that
says incomplete names what could not be read or was lost.`,
		Example: `daemoneye-agent alerts show 7AW7B3QX
daemoneye-agent alerts show 7AW7B3QX --json | jq .event`,
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cli.Usagef("wants the id of an alert: see \"daemoneye-agent alerts list\"")
		}
		return runShow(c.Context(), p, &t, args, *asJSON)
	}
	return c
}

func runShow(ctx context.Context, p *cli.Program, t *cli.Target, ids []string, asJSON bool) error {
	s, err := connect(ctx, p, t, true)
	if err != nil {
		return err
	}
	defer s.close()
	for i, id := range ids { // one by one, because each may be as large as an answer
		a, err := s.ask(ctx, &desk.Request{Do: desk.Show, Alerts: []string{id}})
		if err != nil {
			return err
		}
		for _, b := range a.Alerts {
			if asJSON {
				err = p.JSON(b)
			} else {
				if i > 0 {
					fmt.Fprintln(p.Out)
				}
				err = show(p, b)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// labelWidth is the column in which what is printed about an alert begins.
const labelWidth = 12

// show prints an alert for a person.
func show(p *cli.Program, b []byte) error {
	var a alert.Alert
	if err := json.Unmarshal(b, &a); err != nil {
		return fmt.Errorf("answer of the agent: %w", err)
	}
	line := func(name string, texts ...string) {
		for _, text := range texts {
			if text = display.CleanLines(strings.TrimSpace(text)); text == "" {
				continue
			}
			for _, l := range strings.Split(text, "\n") {
				fmt.Fprintf(p.Out, "%-*s %s\n", labelWidth, name, l)
				name = ""
			}
		}
	}
	line("alert", a.ID.String())
	line("title", a.Rule.Title)
	line("level", a.Rule.Level.String())
	line("status", a.Status.String())
	line("count", countText(&a))
	line("raised", momentText(a.Raised))
	line("rule", strings.TrimSpace(a.Rule.ID+" "+a.Rule.Path))
	line("description", a.Rule.Description)
	line("tags", strings.Join(a.Rule.Tags, " "))
	line("host", strings.TrimSpace(a.Host.Name+" "+a.Host.ID))
	line("labels", pairs(a.Labels))
	line("group", pairs(a.Group))
	line("silenced", a.Silenced)
	line("incomplete", a.Incomplete...)
	for _, m := range a.Matched {
		line("matched", strings.TrimSpace(m.Field+" = "+m.Value+inParentheses(m.Selection)))
	}
	events := &display.Lines{Width: max(p.Out.Width()-labelWidth-1, 0)}
	showEvent(line, events, &a)
	for _, m := range a.Members {
		line("member", m.Rule+": "+eventLine(events, m.Event))
	}
	for _, e := range a.Context {
		line("before", eventLine(events, e))
	}
	line("maybe not", a.Rule.FalsePositives...)
	line("see", a.Rule.References...)
	for _, n := range a.Notes {
		line("note", momentText(n.Time)+" "+n.By+": "+n.Text)
	}
	return nil
}

// showEvent prints the event of an alert, and who did it.
func showEvent(line func(string, ...string), events *display.Lines, a *alert.Alert) {
	if len(a.Event) == 0 {
		return
	}
	line("event", eventLine(events, a.Event))
	r, _ := display.ParseJSON(a.Event)
	for _, f := range []struct{ label, field string }{
		{"executable", "process.executable"}, {"command", "process.command_line"}, {"directory", "process.working_directory"},
		{"container", "container.id"}, {"unit", "service.name"},
	} {
		text, _ := r.Field(f.field)
		line(f.label, text)
	}
	names, _ := r.Field("process.ancestors.name")
	if names == "" {
		names, _ = r.Field("process.parent.name")
	}
	line("ancestors", strings.ReplaceAll(names, ",", " < "))
}

func eventLine(l *display.Lines, b []byte) string {
	r, _ := display.ParseJSON(b)
	return l.Line(&display.Message{Topic: "event", Text: string(b), Record: r})
}

func countText(a *alert.Alert) string {
	if a.Count <= 1 {
		return momentText(a.First)
	}
	return fmt.Sprintf("%d times, %s to %s", a.Count, momentText(a.First), momentText(a.Last))
}

func momentText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func pairs(m map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, name+"="+m[name])
	}
	return strings.Join(all, " ")
}

func inParentheses(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
