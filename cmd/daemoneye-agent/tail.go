package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

var tailCommand = command{
	name: "tail", args: "PATTERN...", short: "print what is published, one JSON object a line",
	long: `
Print the messages of all topics that a pattern takes, one JSON object a line:
the agent's events in the names of the Elastic Common Schema, JSON payloads as
they are, others as text or base64. What was lost is announced on standard
error. In a pattern + is one segment, and # at the end any number.
Without -count it goes on until Ctrl-C or the agent's end.`,
	run: runTail,
}

func runTail(ctx context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	var t target
	t.flags(fs)
	count := fs.Int("count", 0, "stop after `N` messages")
	replay := fs.Bool("replay", false, "begin with what the agent still has of the past minutes")
	topics := fs.Bool("topics", false, "wrap each message: its topic, source and sequence, and the message as \"message\"")
	if err := parse(); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		return usagef("wants a pattern, for example 'events.#'")
	}
	spec := router.Subscription{SubscriberID: "tail", Patterns: fs.Args()}
	if *replay {
		spec.ReplayFrom = 1
	}
	client, err := t.dial(ctx, "tail")
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, spec)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(p.out, 64<<10)
	printer := printer{out: out, wrap: *topics}
	left := *count
	for m := range sub.Messages(ctx) {
		if m.Gap != nil {
			if err := out.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(p.err, "tail: %s\n", m.Gap)
			continue
		}
		if err := printer.print(m); err != nil {
			return err
		}
		if left--; left == 0 {
			break
		}
		if !m.More {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := sub.Err(); err != nil && ctx.Err() == nil {
		if errors.Is(err, frame.ErrShutdown) || errors.Is(err, io.EOF) {
			fmt.Fprintln(p.err, "tail: the agent has ended")
			return nil
		}
		return err
	}
	return nil
}

// printer writes messages as lines of JSON.
type printer struct {
	out  *bufio.Writer
	wrap bool
	line []byte
}

func (p *printer) print(m *router.Message) error {
	p.line = p.line[:0]
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
			p.line = event.AppendJSON(p.line, v)
			return p.line, nil
		}
	case frame.ContentJSON:
		if json.Valid(m.Payload) {
			return json.Marshal(json.RawMessage(m.Payload))
		}
	}
	if utf8.Valid(m.Payload) {
		return json.Marshal(map[string]string{"topic": string(m.Topic()), "text": string(m.Payload)})
	}
	return json.Marshal(map[string]any{"topic": string(m.Topic()), "base64": m.Payload})
}
