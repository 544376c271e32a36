package status

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
)

// NewReload makes the command reload.
func NewReload(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "reload", Short: "have the agent read its configuration again", Args: cli.NoArgs,
		Long: `
Have the running agent read its configuration again, with the flags that it was
started with, and print what changed. All of it comes into force at once, but for
what waits for a restart of the agent. Collectors take their settings while they
observe, and rules are read again. When there is a mistake in it, or a collector does not take its settings,
nothing changes, and the reasons are listed. SIGHUP does the same, and the agent
logs the outcome of both.`,
		Example: "daemoneye-agent config check && daemoneye-agent reload",
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print the answer as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return runReload(c.Context(), p, &t, *asJSON) }
	return c
}

// reloadTimeout is how long a healthy agent may take to reload. It gives its collectors time to
// take their settings, and to go back.
const reloadTimeout = 20 * time.Second

func runReload(ctx context.Context, p *cli.Program, t *cli.Target, asJSON bool) error {
	var r control.Reloaded
	if err := cli.Ask(ctx, t, ipc.ClientOptions{Name: "reload"}, reloadTimeout, control.ReloadTarget, nil, &r); err != nil {
		return err
	}
	if asJSON {
		if err := p.JSON(&r); err != nil {
			return err
		}
	} else {
		printReloaded(p, &r)
	}
	if len(r.Mistakes) > 0 {
		return cli.MistakesError(r.Mistakes)
	}
	if len(r.Refused) > 0 {
		return cli.RefusedError(r.Refused)
	}
	return nil
}

func printReloaded(p *cli.Program, r *control.Reloaded) {
	for _, w := range r.Warnings {
		fmt.Fprintf(p.Err, "daemoneye-agent: warning: %s\n", display.Clean(w))
	}
	for _, c := range r.Changes {
		when := ""
		if c.Restart {
			when = " (waits for a restart)"
		}
		fmt.Fprintf(p.Out, "%s%s\n", display.Clean(c.String()), when)
	}
	for _, name := range r.Restarted {
		fmt.Fprintf(p.Out, "%s has begun anew: what it missed is announced as a gap\n", display.Clean(name))
	}
	if r.Rules != nil && (!r.Rules.Unchanged || r.Rules.Errors > 0) {
		cli.PrintRules(p, r.Rules)
	} else if len(r.Changes)+len(r.Mistakes)+len(r.Refused) == 0 {
		fmt.Fprintln(p.Out, "nothing has changed")
	}
}
