package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// options are the flags.
type options struct {
	base   string
	rounds int
	each   time.Duration
	limit  float64
	out    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fallen, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	case fallen > 0:
		os.Exit(1)
	}
}

func parse(args []string, errs io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.StringVar(&o.base, "base", "", "`COMMIT` that this tree is compared with, in any form that git knows")
	fs.IntVar(&o.rounds, "rounds", 9, "`N` rounds; from six on the range of a ratio is 95 % certain, from nine on without the extremes")
	seconds := fs.Float64("seconds", 0.5, "`N` seconds of each measurement")
	percent := fs.Float64("limit", 3, "`N` percent that a figure may be worse")
	fs.StringVar(&o.out, "out", "", "`DIR` for compare.md and compare.txt, the second for benchstat -col /side")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.each, o.limit = time.Duration(*seconds*float64(time.Second)), *percent/100
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("takes no arguments, got %q", fs.Arg(0))
	case o.base == "" || strings.HasPrefix(o.base, "-"):
		return o, errors.New("-base is needed: a commit, branch or tag")
	case o.rounds < 1 || o.rounds > 1000:
		return o, fmt.Errorf("-rounds is %d, want 1 to 1000", o.rounds)
	case !(*seconds >= 0.05 && *seconds <= 600):
		return o, fmt.Errorf("-seconds is %g, want 0.05 to 600", *seconds)
	case !(*percent > 0 && *percent < 100):
		return o, fmt.Errorf("-limit is %g, want above 0 and below 100", *percent)
	}
	return o, nil
}

// run compares, and returns how many figures have fallen. When it is interrupted it
// shows the rounds that were complete.
func run(ctx context.Context, args []string, out, errs io.Writer) (fallen int, err error) {
	o, err := parse(args, errs)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(errs, "# building the bench of %s and of this tree\n", o.base)
	base, head, err := build(ctx, dir, o.base)
	if err != nil {
		return 0, err
	}
	j := &job{base: base, head: head, each: o.each, log: errs}
	if err := j.check(ctx); err != nil {
		return 0, err
	}
	j.plan()
	machine := report.ThisMachine()
	j.measure(ctx, o.rounds)
	if ctx.Err() != nil {
		fmt.Fprintf(errs, "# interrupted: %d of %d rounds are complete\n", len(j.rows[0].rounds), o.rounds)
	}
	t, fallen := j.table(o.limit)
	if len(j.rows[0].rounds) == 0 {
		return 0, errors.Join(errors.New("no round is complete"), context.Cause(ctx))
	}
	d := report.Document{
		Title: "Before and after", Machine: machine, Command: "go run ./bench/compare " + strings.Join(args, " "),
		Sections: []report.Section{{Title: base.commit + " and " + head.commit, Tables: []report.Table{t}}},
	}
	if _, err := io.WriteString(out, d.Markdown()); err != nil {
		return fallen, err
	}
	return fallen, j.save(o.out, d.Markdown())
}

// check runs one short measurement on each side, so that a base that can't take part is
// noticed at once.
func (j *job) check(ctx context.Context) error {
	for _, place := range []int{atBase, atHead} {
		spec := e2e.Spec{
			Publishers: 1, Subscribers: 1, Size: 128, Window: e2e.DefaultWindow(128),
			Warmup: 10 * time.Millisecond, Measured: 50 * time.Millisecond,
		}
		o, err := e2e.Run(ctx, j.system(bus.System(), place), spec)
		if err != nil {
			return fmt.Errorf("%s does not take part: %w", placeNames[place], err)
		}
		if o.Received == 0 {
			return fmt.Errorf("%s does not take part: no message came", placeNames[place])
		}
	}
	return nil
}

// measure runs all steps for so many rounds, and drops a round that is not complete.
func (j *job) measure(ctx context.Context, rounds int) {
	n := 0
	for _, s := range j.steps {
		n += s.runs
	}
	j.progress = report.NewProgress(j.log, n*rounds, nil)
	for round := range rounds {
		for _, s := range j.steps {
			s.run(ctx, round)
		}
		if ctx.Err() != nil {
			for _, r := range j.rows {
				r.rounds = r.rounds[:round]
			}
			return
		}
	}
}

// save writes the report and the samples; an empty directory is none.
func (j *job) save(dir, text string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "compare.md"), []byte(text), 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "compare.txt"))
	if err != nil {
		return err
	}
	return errors.Join(j.samples(f), f.Close())
}
