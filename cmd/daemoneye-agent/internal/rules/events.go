package rules

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// eventOptions are the flags of where events are from.
type eventOptions struct{ file, category string }

func (o *eventOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.file, "events", "-", "the `FILE` with events, a JSON object a line; - for standard input")
	c.Flags().StringVar(&o.category, "category", "process_creation", "the `CATEGORY` of events that do not have event.category and event.action")
}

const maxEventLine = 1 << 20

// each calls f with the events of the file, and with the number of the line of each.
// Lines that are no event are named, and counted.
func (o *eventOptions) each(p *cli.Program, f func(line int, v event.View) error) (bad int, err error) {
	typ, op, ok := engine.EventOf(o.category)
	if !ok {
		return 0, cli.Usagef("--category %s: want one of %s", o.category, strings.Join(engine.Categories(), ", "))
	}
	in := p.In
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		in = file
	}
	foreign := ecs.Foreign{Header: event.Header{Type: typ, Operation: op}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxEventLine)
	var buf []byte
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		buf, err = ecs.Convert(buf[:0], lines.Bytes(), foreign)
		var v event.View
		if err == nil {
			v, err = event.Parse(buf)
		}
		if err != nil {
			bad++
			fmt.Fprintf(p.Err, "error: line %d of the events: %s\n", n, display.Clean(err.Error()))
			continue
		}
		if err := f(n, v); err != nil {
			return bad, err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return bad, fmt.Errorf("a line of the events has more than %d bytes", maxEventLine)
	}
	return bad, lines.Err()
}

// found is a detection as test prints it.
type found struct {
	Line       int             `json:"line"`
	Rule       string          `json:"rule"`
	ID         string          `json:"id,omitempty"`
	Level      string          `json:"level"`
	Incomplete bool            `json:"incomplete,omitempty"`
	Group      []string        `json:"group,omitempty"`
	Count      int             `json:"count,omitempty"`
	Event      json.RawMessage `json:"event"`
}

func newRulesTest(p *cli.Program) *cobra.Command {
	var o ruleOptions
	var events eventOptions
	c := &cobra.Command{
		Use: "test [PATH]...", Short: "run rules on events, and print what they find",
		Long: `
Run rules on events, one JSON object a line: those that tail --json prints, or
others with the same names or those of Sigma. Each detection is printed as a line
of JSON: the line of the event, rule, level and event. What is wrong with rules or
events goes to standard error. The exit status is 0 when at least one rule matches,
and all rules and events could be read.

With --examples run the events that stand in the rules, below the key examples:
those below matches have to match, those below not must not. An example of a
correlation is a list of events, a second after each other. The exit status is 0
when all are as they should be.`,
		Example: `echo '{"Image":"/tmp/x"}' | daemoneye-agent rules test rules/
daemoneye-agent rules test rules/ --events events.jsonl | jq -r .rule
daemoneye-agent rules test rules/ --examples`,
	}
	o.flags(c)
	events.flags(c)
	o.foreign = true // the events are of somebody
	examples := c.Flags().Bool("examples", false, "run the examples in the rules, and no other events")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := o.load(args)
		if err != nil {
			return err
		}
		bad := problems(p, r, false)
		if *examples {
			return runExamples(p, r, bad)
		}
		n, unread, err := runTest(p, r, &events)
		if err != nil {
			return err
		}
		if bad+unread > 0 || n == 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return nil
	}
	return c
}

// runExamples runs the examples in the rules, and prints those that fail.
func runExamples(p *cli.Program, r *detect.Rules, bad int) error {
	ran, failures := r.RunExamples()
	for _, f := range failures {
		fmt.Fprintf(p.Out, "%s:%d: %s: %s: %s\n", display.Clean(f.Head.File), f.Example.Line, display.Clean(f.Head.Label()), display.Clean(f.Reason), display.Clean(f.Example.JSON))
	}
	fmt.Fprintf(p.Out, "%s, %d not as they should be\n", count(ran, "example"), len(failures))
	if bad+len(failures) > 0 {
		return cli.StatusError(cli.ExitFailed)
	}
	return nil
}

func runTest(p *cli.Program, r *detect.Rules, events *eventOptions) (n, unread int, err error) {
	d := r.Detector()
	out := bufio.NewWriter(p.Out)
	unread, err = events.each(p, func(line int, v event.View) error {
		for _, x := range d.Observe(v) {
			n++
			f := found{Line: line, Rule: x.Head.Label(), ID: x.Head.ID, Level: x.Head.Level.String(), Incomplete: x.Incomplete, Event: ecs.Append(nil, v)}
			if x.Fired != nil {
				f.Group, f.Count = x.Fired.Group, x.Fired.Count
			}
			b, err := display.JSONLine(f)
			if err != nil {
				return err
			}
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	return n, unread, errors.Join(err, out.Flush())
}

func newRulesExplain(p *cli.Program) *cobra.Command {
	var o ruleOptions
	var events eventOptions
	c := &cobra.Command{
		Use: "explain RULE [PATH]...", Short: "show why a rule does or does not match an event",
		Long: `
Print for each event which parts of the rule are true of it, down to the single
questions and to what the event has in the field. The rule is the one with that id,
name or title. Events are those of the command test.`,
		Example: `echo '{"Image":"/tmp/x"}' | daemoneye-agent rules explain shell rules/`,
	}
	o.flags(c)
	events.flags(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		d, err := o.one(p, args)
		switch {
		case err != nil:
			return err
		case d.rule == nil:
			return cli.Usagef("%s is a correlation: explain its rules", d.head.Label())
		case d.inactive != "":
			fmt.Fprintf(p.Err, "the rule is inactive: %s\n", display.Clean(d.inactive))
		}
		unread, err := events.each(p, func(line int, v event.View) error {
			return explainEvent(p.Out, d.rule, line, v)
		})
		if err == nil && unread > 0 {
			return cli.StatusError(cli.ExitFailed)
		}
		return err
	}
	return c
}

func explainEvent(w io.Writer, r *sigma.Rule, line int, v event.View) error {
	f := expr.Explain(r.Condition, engine.AsEvent(v))
	verdict := "does not match"
	switch {
	case !engine.Concerns(r, v):
		verdict = fmt.Sprintf("is not looked at: the rule is for %s, and the event is %v %v", r.LogSource.Category, v.Table(), v.Operation())
	case f.Holds:
		verdict = "matches"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "event %d %s\n", line, verdict)
	writeFinding(&b, f, 1)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFinding(b *strings.Builder, f expr.Finding, depth int) {
	mark := "no "
	if f.Holds {
		mark = "yes"
	}
	fmt.Fprintf(b, "%s %s%s", mark, strings.Repeat("  ", depth), display.Clean(f.Text))
	switch {
	case len(f.Parts) > 0:
	case f.Absent:
		b.WriteString(", and the event does not have the field")
	case len(f.Values) > 0:
		fmt.Fprintf(b, ", and the event has %s", display.Clean(strings.Join(f.Values, " | ")))
	}
	b.WriteByte('\n')
	for _, x := range f.Parts {
		writeFinding(b, x, depth+1)
	}
}
