package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/ipc"
)

func newReload(p *program) *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "reload", Short: "have the agent read its configuration again", Args: noArgs,
		Long: `
Have the running agent read its configuration again, with the flags that it was
started with, and print what changed. All of it comes into force at once, but for
what waits for a restart of the agent. When there is a mistake in it nothing
changes, and the mistakes are listed. SIGHUP does the same, and the agent logs the
outcome of both.`,
		Example: "daemoneye-agent config check && daemoneye-agent reload",
	}
	t.flags(c)
	asJSON := c.Flags().Bool("json", false, "print the answer as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return runReload(c.Context(), p, &t, *asJSON) }
	return c
}

// mistakesError are what the agent found in its configuration.
type mistakesError []string

func (e mistakesError) Error() string { return strings.Join(e, "\n") }

func runReload(ctx context.Context, p *program, t *target, asJSON bool) error {
	client, err := t.dial(ctx, ipc.ClientOptions{Name: "reload"})
	if err != nil {
		return err
	}
	defer client.Close()
	waiting, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	reply, err := client.Request(waiting, control.ReloadTarget, nil)
	if err != nil {
		return late(ctx, waiting, err)
	}
	var r control.Reloaded
	if err := json.Unmarshal(reply.Payload, &r); err != nil {
		return fmt.Errorf("answer of the agent: %w", err)
	}
	if asJSON {
		if err := p.json(&r); err != nil {
			return err
		}
	} else {
		printReloaded(p, &r)
	}
	if len(r.Mistakes) > 0 {
		return mistakesError(r.Mistakes)
	}
	return nil
}

func printReloaded(p *program, r *control.Reloaded) {
	for _, w := range r.Warnings {
		fmt.Fprintf(p.err, "daemoneye-agent: warning: %s\n", display.Clean(w))
	}
	for _, c := range r.Changes {
		when := ""
		if c.Restart {
			when = " (waits for a restart)"
		}
		fmt.Fprintf(p.out, "%s%s\n", display.Clean(c.String()), when)
	}
	if len(r.Changes)+len(r.Mistakes) == 0 {
		fmt.Fprintln(p.out, "nothing has changed")
	}
}
