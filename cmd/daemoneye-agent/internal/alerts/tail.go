package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func newTail(p *cli.Program) *cobra.Command {
	var t cli.Target
	var form formFlags
	var f filterFlags
	var count int
	var timeout time.Duration
	c := &cobra.Command{
		Use: "tail", Short: "print alerts as they are raised", Args: cli.NoArgs, Annotations: cli.Annotations(cli.Endless),
		Long: `
Print each alert when it is raised, in the form of "alerts list". Alerts that a
silence matches are left out, unless --silenced is given. It goes on until Ctrl-C, or
until nobody reads its output any more; when the agent is started again it goes on
with the new one. What was raised meanwhile is in "alerts list".`,
		Example: "daemoneye-agent alerts tail --level high",
	}
	t.Flags(c)
	form.flags(c)
	levelFlag(c, &f.level)
	c.Flags().StringVar(&f.rule, "rule", "", "only alerts of the rule with that id, or with `TEXT` in its title")
	c.Flags().StringVar(&f.text, "text", "", "only alerts with `TEXT` anywhere in them")
	silenced := c.Flags().Bool("silenced", false, "print silenced alerts too")
	cli.IntFlag(c.Flags(), &count, "count", 0, 0, 1_000_000_000, "stop after `N` alerts")
	cli.TimeFlag(c.Flags(), &timeout, "timeout", 0, 0, 365*24*time.Hour, "stop after `TIME`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		out, err := form.printer(p)
		if err != nil {
			return err
		}
		o := tailOptions{out: out, least: alert.Informational, rule: strings.ToLower(f.rule), silenced: *silenced, count: count, timeout: timeout}
		if _, err := f.filter(time.Now()); err != nil {
			return err
		}
		if f.level != "" {
			o.least, _ = alert.ParseLevel(f.level) // the filter has checked it
		}
		text, err := alert.Marshal(f.text) // with quotes around it, and escapes as in an alert
		if err != nil {
			return err
		}
		o.text = bytes.ToLower(text[1 : len(text)-1])
		return runTail(c.Context(), p, &t, o)
	}
	return c
}

// tailOptions are what is printed.
type tailOptions struct {
	out      *printer
	least    alert.Level
	rule     string // in lower case, as text is
	text     []byte
	silenced bool
	count    int
	timeout  time.Duration
}

// takes reports whether the message is an alert that is to be printed.
func (o *tailOptions) takes(payload []byte) bool {
	var a alert.Alert
	return json.Unmarshal(payload, &a) == nil && a.Rule.Level >= o.least && (a.Silenced == "" || o.silenced) &&
		(o.rule == "" || o.rule == strings.ToLower(a.Rule.ID) || strings.Contains(strings.ToLower(a.Rule.Title), o.rule)) &&
		bytes.Contains(bytes.ToLower(payload), o.text)
}

func runTail(ctx context.Context, p *cli.Program, t *cli.Target, o tailOptions) error {
	ctx, stopWatching := p.Out.WhileRead(ctx)
	defer stopWatching()
	client, err := t.DialLasting(ctx, ipc.ClientOptions{Name: "alerts tail", Role: cli.ClientRole})
	if err != nil {
		return ended(ctx, err)
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, router.Subscription{SubscriberID: "alerts tail", Patterns: []string{"alerts.#"}})
	if err != nil {
		return ended(ctx, err)
	}
	showing, stop := ctx, context.CancelFunc(func() {})
	if o.timeout > 0 {
		showing, stop = context.WithTimeout(ctx, o.timeout)
	}
	defer stop()
	n := 0
	for m := range sub.Messages(showing) {
		if m.Gap != nil {
			fmt.Fprintf(p.Err, "alerts tail: %s: see \"daemoneye-agent alerts list\"\n", m.Gap)
			continue
		}
		if !o.takes(m.Payload) {
			continue // also something else that an operator has published there
		}
		if err := o.out.alert(m.Payload); err != nil {
			return err
		}
		if n++; n == o.count {
			return nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return ended(ctx, nil)
	case showing.Err() == nil:
		return sub.Err()
	case o.count > n:
		return fmt.Errorf("the time is up, with %d alerts to go", o.count-n)
	}
	return nil
}

// ended returns the end of standard output's reader where that ended ctx, and err otherwise.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cli.Enough(cause) {
		return cause
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
