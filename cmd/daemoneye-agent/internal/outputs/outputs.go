// Package outputs has the commands about where the agent sends alerts and messages.
package outputs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
)

// New makes the command outputs.
func New(p *cli.Program) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use: "outputs", Short: "show and test where alerts are sent",
		Long: `
Show where the running agent sends alerts and messages, how far each output is,
and whether its receiver takes something. Outputs are configured in the section
outputs; reload puts a change in force.`,
		Example: `daemoneye-agent outputs list
daemoneye-agent outputs test siem`,
	}, newList(p), newTest(p))
}

func newList(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "list", Short: "list the outputs, and how each of them is", Args: cli.NoArgs,
		Long: `
List the outputs of the running agent: how many alerts and messages the receiver has
taken since the start, how many lines of the alert journal lie between it and the last
record (LAG), and what it does not get: what fell out of the journal or the bus before
it could be sent, and what the receiver refused (LOST). Below stand the reasons of
those that are not healthy. The exit status is 1 when there are any.`,
		Example: "daemoneye-agent outputs list --json | jq '.[].last_error'",
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print everything as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := t.Dial(c.Context(), ipc.ClientOptions{Name: "outputs", Role: control.Operator})
		if err != nil {
			return err
		}
		defer client.Close()
		s, err := cli.AskStatus(c.Context(), client)
		if err != nil {
			return err
		}
		if *asJSON {
			err = p.JSON(slices.Concat([]control.OutputStatus{}, s.Outputs))
		} else {
			err = printAll(p, s.Outputs)
		}
		if err == nil && slices.ContainsFunc(s.Outputs, func(o control.OutputStatus) bool { return o.Health.State > control.Healthy }) {
			return cli.StatusError(cli.ExitFailed)
		}
		return err
	}
	return c
}

func printAll(p *cli.Program, all []control.OutputStatus) error {
	if len(all) == 0 {
		p.Line("there are no outputs")
		return nil
	}
	return cli.PrintOutputs(p, all)
}

// testTimeout is how long a receiver may take.
const testTimeout = 60 * time.Second

func newTest(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "test NAME", Short: "have an output send a notice that is a test",
		Long: `
Have an output of the running agent send a notice that is a test, in its own form and
over its own connection, and print what became of it. It waits while the output sends
something else. An output that waits after a failure tries at once, and goes on if the
test was taken. The exit status is 0 when the receiver has it.`,
		Example: "daemoneye-agent outputs test siem",
	}
	t.Flags(c)
	timeout := testTimeout
	cli.TimeFlag(c.Flags(), &timeout, "timeout", timeout, 100*time.Millisecond, 5*time.Minute, "`TIME` to wait at most")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cli.Usagef("wants the name of one output")
		}
		return test(c.Context(), p, &t, args[0], timeout)
	}
	return c
}

func test(ctx context.Context, p *cli.Program, t *cli.Target, name string, timeout time.Duration) error {
	var r control.OutputTested
	o := ipc.ClientOptions{Name: "outputs", Role: control.Operator}
	if err := cli.Ask(ctx, t, o, timeout, control.OutputTestTarget, &control.OutputTest{Output: name}, &r); err != nil {
		return err
	}
	switch {
	case r.Unknown:
		return cli.Usagef("there is no output %q%s", name, cli.Meant(name, r.Outputs))
	case r.Error != "":
		return fmt.Errorf("%s: %s", name, display.Clean(cli.OneLine(r.Error)))
	}
	p.Line("%s: the receiver has it after %s", name, cli.Short(r.Took))
	return nil
}
