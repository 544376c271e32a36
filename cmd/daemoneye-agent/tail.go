package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// patternExamples are what the shell completes a pattern with.
var patternExamples = []string{"events.#", "events.process.#", "events.+.gap", "alerts.#", "control.#"}

// Bounds of the flags of tail.
const (
	maxCount    = 1_000_000_000
	maxTailTime = 365 * 24 * time.Hour
)

// tailOptions are the flags of tail.
type tailOptions struct {
	count          int
	timeout        time.Duration
	replay, topics bool
	json, line     bool
	fields, where  []string
}

func newTail(p *program) *cobra.Command {
	var t target
	var o tailOptions
	c := &cobra.Command{
		Use: "tail PATTERN...", Short: "print what is published, one event a line", Annotations: annotations(endless),
		Long: `
Print the messages of all topics that a pattern takes. On a terminal each is one
readable line: time, host, what happened, who did it, and the detail that matters.
Elsewhere, and with --json, it is one JSON object a line: the agent's events in the
names of the Elastic Common Schema, objects as they are, and others in an object, as
json, text or base64. What was lost is announced on standard error. In a pattern + is
one segment, and # at the end any number.

Without --count and --timeout it goes on until Ctrl-C or the agent's end. With
--count, an end before that is a failure. Colours are left out where NO_COLOR is set.`,
		Example: `daemoneye-agent tail 'events.#'
daemoneye-agent tail --where process.name=ssh* --where user.id=0 'events.#'
daemoneye-agent tail --fields @timestamp,process.name 'events.process.#'
daemoneye-agent tail --replay --count 10 --json 'events.#' 'alerts.#' | jq .`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("wants a pattern, for example 'events.#'")
			}
			return nil
		},
		ValidArgs: patternExamples,
	}
	t.flags(c)
	fs := c.Flags()
	intFlag(fs, &o.count, "count", 0, 0, maxCount, "stop after `N` messages")
	timeFlag(fs, &o.timeout, "timeout", 0, 0, maxTailTime, "stop after `TIME`")
	fs.BoolVar(&o.replay, "replay", false, "begin with what the agent still has of the past minutes")
	fs.BoolVar(&o.topics, "topics", false, "show the topic too; as JSON wrap each message: its topic, source and sequence, and the message as \"message\"")
	fs.BoolVar(&o.json, "json", false, "print JSON on a terminal too")
	fs.BoolVar(&o.line, "line", false, "print readable lines elsewhere too")
	fs.StringSliceVar(&o.fields, "fields", nil, "`NAMES` of the only fields to print, with commas")
	fs.StringArrayVar(&o.where, "where", nil, "`FIELD=VALUE` or FIELD!=VALUE that a message must meet, * is any text; several must all be met")
	c.RunE = func(c *cobra.Command, args []string) error { return runTail(c.Context(), p, &t, &o, args) }
	return c
}

func runTail(ctx context.Context, p *program, t *target, o *tailOptions, patterns []string) error {
	if _, err := router.ParsePatterns(patterns...); err != nil {
		return usageError{err}
	}
	if o.json && o.line {
		return usagef("--json and --line exclude each other")
	}
	printer, err := newPrinter(p, o)
	if err != nil {
		return err
	}
	spec := router.Subscription{SubscriberID: "tail", Patterns: patterns}
	if o.replay {
		spec.ReplayFrom = 1
	}
	client, err := t.dial(ctx, ipc.ClientOptions{Name: "tail"})
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, spec)
	if err != nil {
		return err
	}
	left := o.count
	watching, stop := ctx, context.CancelFunc(func() {})
	if o.timeout > 0 {
		watching, stop = context.WithTimeout(ctx, o.timeout)
	}
	defer stop()
	for m := range sub.Messages(watching) {
		if m.Gap != nil {
			if err := printer.out.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(p.err, "tail: %s\n", m.Gap)
			continue
		}
		printed, err := printer.print(m)
		if err != nil {
			return err
		}
		if printed {
			if left--; left == 0 {
				return printer.out.Flush()
			}
		}
		if !m.More {
			if err := printer.out.Flush(); err != nil {
				return err
			}
		}
	}
	if err := printer.out.Flush(); err != nil {
		return err
	}
	if ctx.Err() == nil && watching.Err() != nil {
		if left > 0 {
			return fmt.Errorf("the time is up, with %d messages to go", left)
		}
		return nil
	}
	return tailEnded(ctx, p, sub.Err(), left)
}

// tailEnded judges the end of a tail that still waited for left messages; with
// left below 1 it had no count. err is why the subscription ended.
func tailEnded(ctx context.Context, p *program, err error, left int) error {
	var op *ipc.OpError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, frame.ErrShutdown) && left < 1:
		fmt.Fprintln(p.err, "tail: the agent has ended")
		return nil
	case errors.Is(err, frame.ErrShutdown):
		return fmt.Errorf("the agent has ended, with %d messages to go", left)
	case errors.As(err, &op) && op.Op == "read":
		return fmt.Errorf("the agent is gone, without a goodbye: %w", err)
	}
	return err
}
