package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
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

// NewTail makes the command tail.
func NewTail(p *cli.Program) *cobra.Command {
	var t cli.Target
	var o tailOptions
	c := &cobra.Command{
		Use: "tail PATTERN...", Short: "print what is published, one event a line", Annotations: cli.Annotations(cli.Endless),
		Long: `
Print the messages of all topics that a pattern takes. On a terminal each is one
readable line: time, host, what happened, who did it, and the detail that matters.
Elsewhere, and with --json, it is one JSON object a line, in UTF-8, whatever was
published: the agent's events in the names of the Elastic Common Schema, other JSON
objects as they are, other JSON as "json", the rest as "text" or "base64". What was
lost is announced on standard error. In a pattern + is one segment, and # at the end
any number.

It goes on until Ctrl-C, or until nobody reads its output any more. When the agent
ends, or is started again, it waits for the next one; what it missed is announced as
lost. With --timeout and --count, too few messages are a failure. Colours are left out
where NO_COLOR is set.`,
		Example: `daemoneye-agent tail 'events.#'
daemoneye-agent tail --where process.name=ssh* --where user.id=0 'events.#'
daemoneye-agent tail --fields @timestamp,process.name 'events.process.#'
daemoneye-agent tail --replay --count 10 --json 'events.#' 'alerts.#' | jq .`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("wants a pattern, for example 'events.#'")
			}
			return nil
		},
		ValidArgs: patternExamples,
	}
	t.Flags(c)
	fs := c.Flags()
	cli.IntFlag(fs, &o.count, "count", 0, 0, maxCount, "stop after `N` messages")
	cli.TimeFlag(fs, &o.timeout, "timeout", 0, 0, maxTailTime, "stop after `TIME`")
	fs.BoolVar(&o.replay, "replay", false, "begin with what the agent still has of the past minutes")
	fs.BoolVar(&o.topics, "topics", false, "show the topic too; as JSON wrap each message: its topic, source and sequence, and the message as \"message\"")
	fs.BoolVar(&o.json, "json", false, "print JSON on a terminal too")
	fs.BoolVar(&o.line, "line", false, "print readable lines elsewhere too")
	fs.StringSliceVar(&o.fields, "fields", nil, "`NAMES` of the only fields to print, with commas")
	fs.StringArrayVar(&o.where, "where", nil, "`FIELD=VALUE` or FIELD!=VALUE that a message must meet, * is any text; several must all be met")
	c.RunE = func(c *cobra.Command, args []string) error { return runTail(c.Context(), p, &t, &o, args) }
	return c
}

func runTail(ctx context.Context, p *cli.Program, t *cli.Target, o *tailOptions, patterns []string) error {
	if _, err := router.ParsePatterns(patterns...); err != nil {
		return cli.UsageError{Err: err}
	}
	if o.json && o.line {
		return cli.Usagef("--json and --line exclude each other")
	}
	printer, err := newPrinter(p, o)
	if err != nil {
		return err
	}
	spec := router.Subscription{SubscriberID: "tail", Patterns: patterns}
	if o.replay {
		spec.ReplayFrom = 1
	}
	ctx, stopWatching := p.Out.WhileRead(ctx)
	defer stopWatching()
	notes := &notes{w: p.Err}
	client, err := t.DialLasting(ctx, ipc.ClientOptions{Name: "tail", Role: cli.ClientRole, OnState: notes.state, OnError: notes.refused})
	if err != nil {
		return cmp.Or(stopped(ctx), err)
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, spec)
	if err != nil {
		return cmp.Or(stopped(ctx), err)
	}
	showing, stop := ctx, context.CancelFunc(func() {})
	if o.timeout > 0 {
		showing, stop = context.WithTimeout(ctx, o.timeout)
	}
	defer stop()
	left, err := printer.show(sub.Messages(showing), notes, o.count)
	switch {
	case err != nil:
		return err
	case o.count > 0 && left == 0:
		return nil
	case ctx.Err() != nil:
		return stopped(ctx)
	case showing.Err() == nil:
		return sub.Err() // the agent does not take the subscription again
	case left > 0:
		return fmt.Errorf("the time is up, with %d messages to go", left)
	}
	return nil
}

// stopped returns the end of standard output's reader where that ended ctx, and nil
// otherwise: that the command is to stop is no failure of it.
func stopped(ctx context.Context) error {
	if cause := context.Cause(ctx); cli.Enough(cause) {
		return cause
	}
	return nil
}

// show prints messages until they end, or count of them are printed where count is not
// 0. It returns how many are left to print.
func (p *printer) show(messages iter.Seq[*router.Message], notes *notes, count int) (left int, err error) {
	left = count
	for m := range messages {
		if m.Gap != nil {
			if err := p.out.Flush(); err != nil {
				return left, err
			}
			notes.printf("%s", m.Gap)
			continue
		}
		printed, err := p.print(m)
		if err != nil {
			return left, err
		}
		if printed {
			if left--; left == 0 {
				break
			}
		}
		if !m.More {
			if err := p.out.Flush(); err != nil {
				return left, err
			}
		}
	}
	return left, p.out.Flush()
}

// notes are what tail prints beside the messages, on standard error. Safe for concurrent
// use.
type notes struct {
	mu   sync.Mutex
	w    io.Writer // guarded by mu
	last string    // guarded by mu; the last refusal
}

func (n *notes) printf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.w, "tail: %s\n", display.Clean(fmt.Sprintf(format, args...)))
}

// state notes that the connection was lost, because of err, or is there again.
func (n *notes) state(err error) {
	switch {
	case err == nil:
		n.printf("connected again")
	case errors.Is(err, frame.ErrShutdown):
		n.printf("the agent has ended: waiting for it to come back")
	default:
		n.printf("the connection is lost: %v: connecting again", err)
	}
}

// refused notes why the agent does not take the client back. It tries again all the
// time, so that the same reason is noted once.
func (n *notes) refused(err error) {
	n.mu.Lock()
	same := n.last == err.Error()
	n.last = err.Error()
	n.mu.Unlock()
	if !same {
		n.printf("%v", err)
	}
}
