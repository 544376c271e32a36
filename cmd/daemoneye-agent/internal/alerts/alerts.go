package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// New makes the command alerts, with those below it.
func New(p *cli.Program) *cobra.Command {
	c := cli.Group(&cobra.Command{
		Use: "alerts", Short: "list, show, acknowledge and silence alerts",
		Long: `
Alerts are kept in a journal on the disk until they are too many or too old. An
alert is named by its id, or by the end of it that "alerts list" shows. list, show,
export and silences also work while no agent runs.`,
		Example: `daemoneye-agent alerts list --level high --since 24h
daemoneye-agent alerts show 7AW7B3QX`,
	}, newList(p), newShow(p))
	for i := range changes {
		c.AddCommand(newChange(p, &changes[i]))
	}
	c.AddCommand(newSilence(p), newSilences(p), newUnsilence(p), newExport(p), newTail(p))
	return c
}

// session asks an agent, or where none runs reads its data directory. One goroutine at a
// time.
type session struct {
	p      *cli.Program
	t      *cli.Target
	client *ipc.Client     // nil without an agent
	kept   *store.Snapshot // nil with one
}

// connect connects to the agent. With offline the data directory will do.
func connect(ctx context.Context, p *cli.Program, t *cli.Target, offline bool) (*session, error) {
	s := &session{p: p, t: t}
	client, err := t.Dial(ctx, ipc.ClientOptions{Name: "alerts"})
	if err == nil {
		s.client = client
		return s, nil
	}
	if !offline || !cli.NoAgent(err) {
		return nil, err
	}
	dir, derr := dataDir(t)
	if derr != nil {
		return nil, errors.Join(err, derr)
	}
	s.kept, derr = store.ReadDir(dir)
	if errors.Is(derr, store.ErrNoStore) {
		return nil, err // there is nothing that an agent has left
	}
	if derr != nil {
		return nil, derr
	}
	fmt.Fprintf(p.Err, "daemoneye-agent: no agent runs: this is from %s\n", display.Clean(dir))
	for _, w := range s.kept.Warnings {
		fmt.Fprintf(p.Err, "daemoneye-agent: warning: %s\n", display.Clean(w))
	}
	return s, nil
}

// dataDir is where an agent with that configuration keeps its alerts.
func dataDir(t *cli.Target) (string, error) {
	l, err := t.Load()
	if err != nil {
		return "", err
	}
	if dir := l.Config.Alerts.DataDir; dir != "" {
		return dir, nil
	}
	return store.DefaultDir(l.Config.InstanceID)
}

func (s *session) close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.kept != nil {
		_ = s.kept.Close() // it was only read
	}
}

// pageBytes is what a part of the alerts has that are read without an agent.
const pageBytes = 512 << 10

// ask carries out a request. A problem is an error, beside what was done.
func (s *session) ask(ctx context.Context, q *desk.Request) (a *desk.Answer, err error) {
	if s.kept != nil {
		a, err = desk.Read(s.kept, q, pageBytes)
	} else {
		a, err = s.request(ctx, q)
		if err == nil && a.Problem != nil {
			err = a.Problem
		}
	}
	var problem *desk.Problem
	if errors.As(err, &problem) && (problem.Code == desk.Invalid || problem.Code == desk.NotFound || problem.Code == desk.Ambiguous) {
		err = cli.UsageError{Err: problem}
	}
	return a, err
}

func (s *session) request(ctx context.Context, q *desk.Request) (*desk.Answer, error) {
	a := &desk.Answer{}
	err := cli.Request(ctx, s.client, cli.AnswerTimeout, control.AlertsTarget, q, a)
	if errors.Is(err, router.ErrNoResponder) {
		return nil, errors.New("the agent keeps no alerts, or has only just started")
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// printer prints alerts, one a line. One goroutine at a time.
type printer struct {
	p    *cli.Program
	json bool
}

// newPrinter prints readable lines on a terminal, and JSON elsewhere and where it is asked
// for.
func newPrinter(p *cli.Program, asJSON, asLine bool) *printer {
	return &printer{p, asJSON || !asLine && p.Out.Width() == 0}
}

func (x *printer) alert(b []byte) error {
	if x.json {
		_, err := x.p.Out.Write(append(display.AppendJSON(nil, b), '\n'))
		return err
	}
	r, ok := display.ParseJSON(b)
	if !ok {
		return errors.New("answer of the agent: an alert that is none")
	}
	_, err := fmt.Fprintln(x.p.Out, display.AlertLine(r, x.p.Out.Width(), x.p.Out.Coloured()))
	return err
}

func (x *printer) alerts(all []json.RawMessage) error {
	for _, b := range all {
		if err := x.alert(b); err != nil {
			return err
		}
	}
	return nil
}

// formFlags are those of the form of what is printed.
type formFlags struct{ json, line bool }

func (f *formFlags) flags(c *cobra.Command) {
	c.Flags().BoolVar(&f.json, "json", false, "print JSON on a terminal too")
	c.Flags().BoolVar(&f.line, "line", false, "print readable lines elsewhere too")
}

func (f *formFlags) printer(p *cli.Program) (*printer, error) {
	if f.json && f.line {
		return nil, cli.Usagef("--json and --line exclude each other")
	}
	return newPrinter(p, f.json, f.line), nil
}

func levelFlag(c *cobra.Command, level *string) {
	c.Flags().StringVar(level, "level", "", "only alerts of this `LEVEL` or above")
	cli.Complete(c, "level", alert.Levels())
}
