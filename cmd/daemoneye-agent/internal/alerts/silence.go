package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// maxSilence is how long a silence may be.
const maxSilence = 366 * 24 * time.Hour

func newSilence(p *cli.Program) *cobra.Command {
	var t cli.Target
	var lasts time.Duration
	c := &cobra.Command{
		Use: "silence FIELD=VALUE...", Short: "keep alerts from being sent for a time",
		Long: `
Silence the alerts that meet all conditions. They are raised and kept all the same,
with a mark, and are not sent to outputs. FIELD is rule.id, rule.title, rule.level,
rule.tag, host.name, host.id, labels.NAME, group.NAME, dedup_key, or a field of the
event as "fields" prints it; != is the opposite; in VALUE * is any text. The silence
ends by itself. What it had silenced is raised anew when it happens again after that.`,
		Example: `daemoneye-agent alerts silence host.name=web1 --for 2h --reason maintenance
daemoneye-agent alerts silence rule.title='Curl*' user.id=33 --reason test`,
	}
	t.Flags(c)
	cli.TimeFlag(c.Flags(), &lasts, "for", time.Hour, time.Second, maxSilence, "`TIME` after which it ends")
	reason := c.Flags().String("reason", "", "`TEXT` that says why; it has to be there")
	asJSON := c.Flags().Bool("json", false, "print the silence as JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		n := &desk.NewSilence{Reason: *reason, Until: time.Now().Add(lasts)}
		if len(args) == 0 {
			return cli.Usagef("wants conditions such as rule.id=ID")
		}
		if strings.TrimSpace(*reason) == "" {
			return cli.Usagef("wants --reason TEXT, for whoever finds it later")
		}
		for _, text := range args {
			x, err := alert.ParseCondition(text)
			if err != nil {
				return cli.UsageError{Err: err}
			}
			n.Match = append(n.Match, x)
		}
		return silences(c, p, &t, &desk.Request{Do: desk.Silence, Silence: n}, *asJSON, "")
	}
	return c
}

func newSilences(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "silences", Short: "list the silences that hold", Args: cli.NoArgs,
		Long: `
List the silences that hold: the end of the id, when it ends, who made it, the
conditions, and why.`,
		Example: "daemoneye-agent alerts silences",
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print the silences as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return silences(c, p, &t, &desk.Request{Do: desk.Silences}, *asJSON, "no silence holds")
	}
	return c
}

func newUnsilence(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "unsilence ID...", Short: "end silences",
		Long: `
End silences before their time.`,
		Example: "daemoneye-agent alerts unsilence 7AW7B3QX --note 'maintenance is over'",
	}
	t.Flags(c)
	note := c.Flags().String("note", "", "`TEXT` to write down with it")
	asJSON := c.Flags().Bool("json", false, "print the silences as JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cli.Usagef("wants the id of a silence: see \"daemoneye-agent alerts silences\"")
		}
		return silences(c, p, &t, &desk.Request{Do: desk.Unsilence, Silences: args, Text: *note}, *asJSON, "")
	}
	return c
}

// silences carries out a request, and prints the silences of the answer.
func silences(c *cobra.Command, p *cli.Program, t *cli.Target, q *desk.Request, asJSON bool, none string) error {
	s, err := connect(c.Context(), p, t, q.Do == desk.Silences)
	if err != nil {
		return err
	}
	defer s.close()
	a, err := s.ask(c.Context(), q)
	if err != nil {
		return err
	}
	if asJSON {
		if a.Silences == nil {
			a.Silences = []*alert.Silence{}
		}
		return p.JSON(a.Silences)
	}
	for _, x := range a.Silences {
		conditions := make([]string, len(x.Match))
		for i, m := range x.Match {
			conditions[i] = m.String()
		}
		ends := "until " + x.Until.Local().Format("2006-01-02 15:04")
		if q.Do == desk.Unsilence {
			ends = "ended"
		}
		p.Line("%s %s by %s: %s (%s)", x.ID[max(0, len(x.ID)-desk.ShortID):], ends, x.By, strings.Join(conditions, " "), display.Clean(x.Reason))
	}
	if len(a.Silences) == 0 && none != "" {
		fmt.Fprintln(p.Out, none)
	}
	return nil
}
