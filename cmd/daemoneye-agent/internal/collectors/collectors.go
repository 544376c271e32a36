package collectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
)

// New makes the command collectors.
func New(p *cli.Program) *cobra.Command {
	c := cli.Group(&cobra.Command{
		Use: "collectors", Short: "list and control the collectors",
		Long: `
List the collectors of the running agent and control them while everything runs.
The agent carries out one change of a collector after the other, and each caller
gets the outcome of its own. What an operator has chosen holds until the agent
ends.`,
		Example: `daemoneye-agent collectors list
daemoneye-agent collectors restart process`,
	}, newCollectorsList(p))
	for i := range actions {
		c.AddCommand(newAction(p, &actions[i]))
	}
	c.AddCommand(newCollectorsRegister(p))
	return c
}

// action is a command that has the agent carry out one operation on one collector.
type action struct {
	op                         control.Operation
	use, short, long, examples string
	// prepare defines the flags, and returns what makes the payload of the arguments
	// behind the collector's name. nil: there are neither.
	prepare func(c *cobra.Command) func(p *cli.Program, name string, args []string) (any, error)
	// print shows the answer to a person; nil: the result is shown as short as possible.
	print func(p *cli.Program, name string, r *control.Response) error
}

// actions is the table of these commands, in the order of the help.
var actions = []action{
	{
		op: control.OpStart, use: "start NAME", short: "start a collector that was stopped",
		long: `
Start a collector that was stopped or given up, and wait until it observes.`,
		examples: "daemoneye-agent collectors start process", print: printProcess,
	},
	{
		op: control.OpStop, use: "stop NAME", short: "stop a collector",
		long: `
Stop a collector, and wait until its process has ended. It stays away until it is
started again. What it misses is announced as a gap.`,
		examples: "daemoneye-agent collectors stop process\ndaemoneye-agent collectors stop process --within 10s", prepare: shutdownFlags, print: printStopped,
	},
	{
		op: control.OpRestart, use: "restart NAME", short: "stop a collector and start it again",
		long: `
Have a new process of a collector run, and wait until it observes. One that the
agent had given up is started at once.`,
		examples: "daemoneye-agent collectors restart process", print: printProcess,
	},
	{
		op: control.OpPause, use: "pause NAME", short: "have a collector stop observing",
		long: `
Have a collector stop observing. Its process goes on, and is watched as before.
When it is resumed, it announces as a gap what it missed.`,
		examples: "daemoneye-agent collectors pause process", print: printState,
	},
	{
		op: control.OpResume, use: "resume NAME", short: "have a paused collector observe again",
		long: `
Have a collector that is paused observe again. It begins with a fresh picture of
the host.`,
		examples: "daemoneye-agent collectors resume process", print: printState,
	},
	{
		op: control.OpHealthCheck, use: "health NAME", short: "ask a collector how it is",
		long: `
Ask the process of a collector how it is. The exit status is 0 when it is
healthy, 3 when it is degraded, 4 when it is unhealthy, and 7 when it does not
answer.`,
		examples: "daemoneye-agent collectors health process", print: printReport,
	},
	{
		op: control.OpUpdateConfig, use: "config NAME KEY=VALUE...", short: "change the settings of a collector",
		long: `
Change settings of a collector while it runs. The keys are those of its section of
the configuration; "collectors capabilities" lists them. A value that the collector
does not accept changes nothing. With --check nothing is changed in any case. A
collector that fails with the new values goes back to the ones before, unless
--no-rollback is given. A new process of the collector has the values too, but a
restart of the agent goes back to its configuration.`,
		examples: "daemoneye-agent collectors config process poll_interval=100ms\ndaemoneye-agent collectors config process source=poll --check",
		prepare:  configFlags, print: printConfigured,
	},
	{
		op: control.OpGetCapabilities, use: "capabilities NAME", short: "list what a collector can do",
		long: `
List what a collector publishes, and which operations, tasks and settings it has.`,
		examples: "daemoneye-agent collectors capabilities process", print: printCapabilities,
	},
	{
		op: control.OpExecuteTask, use: "task NAME TASK [ARGUMENTS]", short: "have a collector carry out a task",
		long: `
Have a collector carry out a task, and print its result as JSON. ARGUMENTS are a
JSON object. "collectors capabilities" lists the tasks.`,
		examples: `daemoneye-agent collectors task process lookup '{"pid":1}'`, prepare: taskArgs, print: printTask,
	},
	{
		op: control.OpGracefulShutdown, use: "shutdown NAME", short: "have a collector end in order",
		long: `
Ask a collector to end, and wait until its process has. It stays away until it is
started again.`,
		examples: "daemoneye-agent collectors shutdown process --within 1m", prepare: shutdownFlags, print: printStopped,
	},
	{
		op: control.OpForceShutdown, use: "kill NAME", short: "kill a collector at once",
		long: `
Kill the process of a collector at once, also while another operation goes on. It
stays away until it is started again.`,
		examples: "daemoneye-agent collectors kill process", print: printStopped,
	},
	{
		op: control.OpDeregister, use: "deregister NAME", short: "take an external collector off the list of those that run",
		long: `
Have the agent forget that an external collector runs, until it registers again. A
collector that the agent has started is stopped instead: see "collectors stop".`,
		examples: "daemoneye-agent collectors deregister audit", print: func(p *cli.Program, name string, _ *control.Response) error {
			p.Line("%s: deregistered", name)
			return nil
		},
	},
}

// maxOperation is the longest time that an operation may be given.
const maxOperation = 4 * time.Minute

func newAction(p *cli.Program, a *action) *cobra.Command {
	var t cli.Target
	var timeout time.Duration
	info, _ := a.op.Info()
	c := &cobra.Command{Use: a.use, Short: a.short, Long: a.long, Example: a.examples}
	t.Flags(c)
	cli.TimeFlag(c.Flags(), &timeout, "timeout", info.Timeout, time.Millisecond, maxOperation, "`TIME` that the operation may take")
	asJSON := c.Flags().Bool("json", false, "print the whole answer as JSON")
	id := c.Flags().String("id", "", "`ID` of the operation: one of the last minute with the same is not repeated")
	var payload func(*cli.Program, string, []string) (any, error)
	if a.prepare != nil {
		payload = a.prepare(c)
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return cli.CollectorNames(), cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cli.Usagef("wants the name of a collector: see \"daemoneye-agent collectors list\"")
		}
		q := control.Request{ID: *id, Operation: a.op, Target: args[0]}
		if err := control.CheckName(q.Target); err != nil {
			return cli.UsageError{Err: err}
		}
		if payload == nil {
			if err := cli.NoArgs(c, args[1:]); err != nil {
				return err
			}
		} else {
			v, err := payload(p, q.Target, args[1:])
			if err != nil {
				return err
			}
			q.Payload = control.Payload(v)
		}
		return runAction(c.Context(), p, a, &t, timeout, q, *asJSON)
	}
	return c
}

func runAction(ctx context.Context, p *cli.Program, a *action, t *cli.Target, timeout time.Duration, q control.Request, asJSON bool) error {
	dialing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := t.Dial(dialing, ipc.ClientOptions{Name: "collectors"})
	if err != nil {
		return cli.Late(ctx, dialing, err)
	}
	defer client.Close()
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := control.Call(waiting, client, control.OperationTarget, q, nil)
	if err != nil && r.Status == "" {
		return cli.Late(ctx, waiting, unanswered(err))
	}
	if asJSON {
		if err := p.JSON(&r); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if a.op == control.OpHealthCheck {
		return healthStatus(p, a, &r, asJSON)
	}
	if asJSON {
		return nil
	}
	return a.print(p, q.Target, &r)
}

// unanswered is the error of an operation that the agent did not answer: what the bus reports
// of the agent, and not what the protocol would report of a collector.
func unanswered(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all := joined.Unwrap()
		return all[len(all)-1]
	}
	return err
}

// decode reads the result of an operation.
func decode[T any](r *control.Response) (v T, err error) {
	if len(r.Payload) > 0 {
		err = json.Unmarshal(r.Payload, &v)
	}
	if err != nil {
		err = fmt.Errorf("answer of the agent: %w", err)
	}
	return v, err
}

// shutdownFlags defines the flags of stop and shutdown.
func shutdownFlags(c *cobra.Command) func(*cli.Program, string, []string) (any, error) {
	var within time.Duration
	cli.TimeFlag(c.Flags(), &within, "within", 0, 0, maxOperation, "`TIME` after which it is killed; 0 is the agent's own choice")
	reason := c.Flags().String("reason", "", "`TEXT` for the log")
	return func(_ *cli.Program, _ string, args []string) (any, error) {
		if err := cli.NoArgs(nil, args); err != nil {
			return nil, err
		}
		return control.Shutdown{Timeout: within, Reason: *reason}, nil
	}
}

// taskArgs makes the payload of a task.
func taskArgs(*cobra.Command) func(*cli.Program, string, []string) (any, error) {
	return func(_ *cli.Program, _ string, args []string) (any, error) {
		if len(args) < 1 || len(args) > 2 {
			return nil, cli.Usagef("wants the name of a collector, that of a task, and at most one object of arguments")
		}
		task := control.Task{Task: args[0]}
		if len(args) == 2 {
			if !json.Valid([]byte(args[1])) || !strings.HasPrefix(strings.TrimSpace(args[1]), "{") {
				return nil, cli.Usagef("the arguments of a task are a JSON object, got %q", args[1])
			}
			task.Args = json.RawMessage(args[1])
		}
		return task, nil
	}
}

// healthStatus prints a collector's report, and returns its health as the exit status.
func healthStatus(p *cli.Program, a *action, r *control.Response, asJSON bool) error {
	report, err := decode[control.Report](r)
	if err == nil && !asJSON {
		err = a.print(p, r.Target, r)
	}
	if err != nil {
		return err
	}
	return healthError(report.Health.State)
}

// healthError is the exit status of a state of health, nil for healthy.
func healthError(s control.State) error {
	switch s {
	case control.Degraded:
		return cli.StatusError(cli.ExitDegraded)
	case control.Unhealthy:
		return cli.StatusError(cli.ExitUnhealthy)
	}
	return nil
}

func newCollectorsList(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "list", Short: "list the collectors and their states", Args: cli.NoArgs,
		Long: `
List the collectors that there should be, with the state of each, since when, and
how it ended last.`,
		Example: "daemoneye-agent collectors list",
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print the list as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		client, err := t.Dial(c.Context(), ipc.ClientOptions{Name: "collectors"})
		if err != nil {
			return err
		}
		defer client.Close()
		s, err := cli.AskStatus(c.Context(), client)
		if err != nil {
			return err
		}
		if *asJSON {
			return p.JSON(s.Collectors)
		}
		return printCollectors(p, s.Collectors)
	}
	return c
}

// printCollectors prints one line for each collector, and below it what there is to report.
func printCollectors(p *cli.Program, all []control.CollectorStatus) error {
	list, notes := display.Table{Wrap: true}, display.Table{Wrap: true}
	list.Row("NAME", "STATE", "SINCE", "PID", "RESTARTS", "SOURCE")
	now := time.Now()
	for i := range all {
		c := &all[i]
		list.Row(c.Name, c.State, cli.MomentText(c.Since), cli.PidText(c.PID), c.Restarts, sourceText(c))
		if c.LastExit != "" {
			notes.Row(c.Name + ": " + cli.OneLine(c.LastExit))
		}
		if c.Gap != "" {
			notes.Row(c.Name + ": " + cli.OneLine(c.Gap))
		}
		if !c.NextTry.IsZero() {
			notes.Row(fmt.Sprintf("%s: is started again in %s", c.Name, cli.Short(max(0, c.NextTry.Sub(now)))))
		}
	}
	return errors.Join(list.Write(p.Out, p.Out.Width()), notes.Write(p.Out, p.Out.Width()))
}
