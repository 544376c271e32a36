package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// NewPublish makes the command publish.
func NewPublish(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "publish TOPIC [PAYLOAD]", Short: "publish one message", Args: topicAndPayload("a topic"),
		Long: `
Publish one message on a topic below events or alerts. The payload is the
argument, or else all of standard input. It is sent as JSON if it is JSON, else
as text or bytes. The command ends when the broker has routed the message. A
payload that begins with - stands behind --.

With --confirm it prints how many subscriptions have the message in their queue,
where a queue group counts once. The exit status is 6 when none has.`,
		Example: `daemoneye-agent publish events.demo hello
daemoneye-agent publish alerts.high --priority 9 '{"rule":"demo"}'
uptime | daemoneye-agent publish events.demo.uptime
daemoneye-agent publish events.demo --confirm hello || echo nobody has it`,
	}
	t.Flags(c)
	var priority int
	cli.IntFlag(c.Flags(), &priority, "priority", frame.NormalPriority, 1, frame.MaxPriority, "`N` from 1 to 10")
	retain := c.Flags().Bool("retain", false, "have the broker keep it as the topic's last value")
	confirm := c.Flags().Bool("confirm", false, "print how many subscriptions have the message")
	c.RunE = func(c *cobra.Command, args []string) error {
		m := router.Outgoing{Topic: args[0], Priority: uint8(priority), Retain: *retain}
		return runPublish(c.Context(), p, &t, m, args[1:], *confirm)
	}
	return c
}

// NewRequest makes the command request.
func NewRequest(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "request TARGET [PAYLOAD]", Short: "ask a responder and print its answer", Args: topicAndPayload("a target"),
		Long: `
Send a request to a target and print the answer as it is; on a terminal without what
that would obey. The payload is the argument, or else empty; - reads it from standard
input. Targets are, among others, control.agent.status and system.stats, and what
other programs serve below events.`,
		Example: `daemoneye-agent request control.agent.status | jq .health
daemoneye-agent request system.stats | jq .latency`,
		ValidArgsFunction: cli.FirstArg(control.StatusTarget, control.ReloadTarget, control.OperationTarget, "system.stats"),
	}
	t.Flags(c)
	var timeout time.Duration
	cli.TimeFlag(c.Flags(), &timeout, "timeout", 5*time.Second, time.Millisecond, 24*time.Hour, "`TIME` to wait for the answer")
	c.RunE = func(c *cobra.Command, args []string) error {
		return runRequest(c.Context(), p, &t, timeout, args)
	}
	return c
}

// topicAndPayload wants one or two arguments.
func topicAndPayload(first string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if n := len(args); n < 1 || n > 2 {
			return cli.Usagef("wants %s and at most one payload", first)
		}
		return nil
	}
}

func runPublish(ctx context.Context, p *cli.Program, t *cli.Target, m router.Outgoing, payload []string, confirm bool) error {
	if err := router.CheckPublishTopic(m.Topic); err != nil {
		return cli.UsageError{Err: err}
	}
	refused := make(chan error, 1)
	client, err := t.Dial(ctx, ipc.ClientOptions{Name: "publish", Role: cli.ClientRole, OnError: func(err error) {
		select {
		case refused <- err:
		default: // the first reason is enough
		}
	}})
	if err != nil {
		return err
	}
	defer client.Close()
	if len(payload) > 0 {
		m.Payload = []byte(payload[0])
	} else if m.Payload, err = p.ReadAll(ctx, client.Welcome().MaxMessageSize); err != nil {
		return err
	}
	m.Content = contentOf(m.Payload)
	waiting, cancel := context.WithTimeout(ctx, cli.AnswerTimeout)
	defer cancel()
	if confirm {
		return cli.Late(ctx, waiting, publishConfirmed(waiting, p, client, m))
	}
	if err := client.Publish(ctx, m); err != nil {
		return err
	}
	// When the ping has come back, so has a refusal.
	if err := client.Flush(waiting); err != nil {
		return cli.Late(ctx, waiting, err)
	}
	select {
	case err := <-refused:
		return err
	default:
		return nil
	}
}

// publishConfirmed prints how many subscriptions have the message; none is a status of its
// own.
func publishConfirmed(ctx context.Context, p *cli.Program, client *ipc.Client, m router.Outgoing) error {
	matched, err := client.PublishConfirmed(ctx, m)
	if err != nil {
		return err
	}
	p.Line("%d", matched)
	if matched == 0 {
		return cli.StatusError(cli.ExitNobody)
	}
	return nil
}

func contentOf(payload []byte) frame.Content {
	switch {
	case utf8.Valid(payload) && json.Valid(payload): // Go's parser does not ask for UTF-8
		return frame.ContentJSON
	case utf8.Valid(payload):
		return frame.ContentText
	}
	return frame.ContentOpaque
}

func runRequest(ctx context.Context, p *cli.Program, t *cli.Target, timeout time.Duration, args []string) error {
	if err := frame.CheckTopic(args[0]); err != nil {
		return cli.UsageError{Err: err}
	}
	dialing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := t.Dial(dialing, ipc.ClientOptions{Name: "request"})
	if err != nil {
		return cli.Late(ctx, dialing, err)
	}
	defer client.Close()
	var payload []byte
	if len(args) > 1 {
		payload = []byte(args[1])
	}
	if string(payload) == "-" {
		if payload, err = p.ReadAll(ctx, client.Welcome().MaxMessageSize); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := client.Request(waiting, args[0], payload)
	if err != nil {
		return cli.Late(ctx, waiting, err)
	}
	if p.Out.Width() > 0 {
		reply.Payload = []byte(display.CleanLines(string(reply.Payload)))
	}
	if _, err := p.Out.Write(reply.Payload); err != nil {
		return err
	}
	if n := len(reply.Payload); n > 0 && reply.Payload[n-1] != '\n' {
		fmt.Fprintln(p.Out)
	}
	return nil
}
