package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// patternExamples are what the shell completes a pattern with.
var patternExamples = []string{"events.#", "events.process.#", "events.+.gap", "alerts.#", "control.#"}

// tailOptions are the flags of tail.
type tailOptions struct {
	count          int
	timeout        time.Duration
	replay, topics bool
}

func newTail(p *program) *cobra.Command {
	var t target
	var o tailOptions
	c := &cobra.Command{
		Use: "tail PATTERN...", Short: "print what is published, one JSON object a line", Annotations: annotations(endless),
		Long: `
Print the messages of all topics that a pattern takes, one JSON object a line:
the agent's events in the names of the Elastic Common Schema, JSON payloads as
they are, others as text or base64. What was lost is announced on standard
error. In a pattern + is one segment, and # at the end any number.
Without --count and --timeout it goes on until Ctrl-C or the agent's end. With
--count, an end before that is a failure.`,
		Example: `daemoneye-agent tail 'events.#'
daemoneye-agent tail --replay --count 10 'events.process.#' 'alerts.#'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("wants a pattern, for example 'events.#'")
			}
			return nil
		},
		ValidArgs: patternExamples,
	}
	t.flags(c)
	c.Flags().IntVar(&o.count, "count", 0, "stop after `N` messages")
	c.Flags().DurationVar(&o.timeout, "timeout", 0, "stop after `TIME`")
	c.Flags().BoolVar(&o.replay, "replay", false, "begin with what the agent still has of the past minutes")
	c.Flags().BoolVar(&o.topics, "topics", false, "wrap each message: its topic, source and sequence, and the message as \"message\"")
	c.RunE = func(c *cobra.Command, args []string) error { return runTail(c.Context(), p, &t, &o, args) }
	return c
}

func runTail(ctx context.Context, p *program, t *target, o *tailOptions, patterns []string) error {
	if _, err := router.ParsePatterns(patterns...); err != nil {
		return usageError{err}
	}
	if o.count < 0 {
		return usagef("--count is %d, want 0 or more", o.count)
	}
	if o.timeout < 0 {
		return usagef("--timeout is %s, want 0 or more", o.timeout)
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
	printer := printer{out: bufio.NewWriterSize(p.out, 64<<10), wrap: o.topics}
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
		if err := printer.print(m); err != nil {
			return err
		}
		if left--; left == 0 {
			return printer.out.Flush()
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

// printer writes messages as lines of JSON.
type printer struct {
	out     *bufio.Writer
	wrap    bool
	line    []byte
	compact bytes.Buffer
}

func (p *printer) print(m *router.Message) error {
	body, err := p.body(m)
	if err != nil {
		return err
	}
	if !p.wrap {
		_, err = p.out.Write(append(body, '\n'))
		return err
	}
	line, err := json.Marshal(struct {
		Topic    string          `json:"topic"`
		Source   uint32          `json:"source"`
		Sequence uint64          `json:"sequence"`
		AgeNs    time.Duration   `json:"age_ns"`
		Message  json.RawMessage `json:"message"`
	}{string(m.Topic()), m.Frame.Source(), m.Sequence, time.Duration(router.Now() - m.Published()), body})
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(line, '\n'))
	return err
}

// body returns the payload as one JSON value without line ends.
func (p *printer) body(m *router.Message) ([]byte, error) {
	switch m.Frame.Content() {
	case frame.ContentEvent:
		if v, err := event.Parse(m.Payload); err == nil {
			p.line = ecs.Append(p.line[:0], v)
			return p.line, nil
		}
	case frame.ContentJSON:
		p.compact.Reset()
		if json.Compact(&p.compact, m.Payload) == nil {
			return p.compact.Bytes(), nil
		}
	}
	if utf8.Valid(m.Payload) {
		return json.Marshal(map[string]string{"topic": string(m.Topic()), "text": string(m.Payload)})
	}
	return json.Marshal(map[string]any{"topic": string(m.Topic()), "base64": m.Payload})
}
