package rules

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// benchOptions are the flags of bench beside those of rules and events.
type benchOptions struct {
	duration, limit time.Duration
	top             int
	json            bool
}

func newRulesBench(p *cli.Program) *cobra.Command {
	var o ruleOptions
	var events eventOptions
	var b benchOptions
	c := &cobra.Command{
		Use: "bench [PATH]...", Short: "measure what rules cost an event",
		Long: `
Measure the processor time that rules take for an event, all of them together and
each by itself, on events of yours or on a mix that comes with the program: what an
ordinary server does all day. CANDIDATES are the events for which the index named
the rule, EVALUATED those for which its condition was looked at: all events of its
log source, where the index has nothing for it to go by.

A rule that takes more than --limit is named, and the exit status is 1. One that has
no text to look for, only negations or expressions without one, is evaluated for each
event: give it one that every match has.`,
		Example: `daemoneye-agent rules bench rules/
daemoneye-agent tail --count 100000 --json 'events.#' >events.jsonl
daemoneye-agent rules bench --builtin rules/ --events events.jsonl`,
	}
	o.flags(c)
	o.foreign = true
	c.Flags().StringVar(&events.file, "events", "", "the `FILE` with events, a JSON object a line; - for standard input; none for the mix")
	c.Flags().StringVar(&events.category, "category", "process_creation", "the `CATEGORY` of events that do not have event.category and event.action")
	cli.TimeFlag(c.Flags(), &b.duration, "duration", 2*time.Second, 10*time.Millisecond, time.Hour, "`TIME` to measure for")
	cli.TimeFlag(c.Flags(), &b.limit, "limit", time.Microsecond, time.Nanosecond, time.Second, "mean `TIME` an event that is too much for one rule")
	cli.IntFlag(c.Flags(), &b.top, "top", 10, 0, 1_000_000, "`N` rules to list, those that take most first")
	c.Flags().BoolVar(&b.json, "json", false, "print one JSON object a line: first the sum, then each rule")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, err := o.load(args)
		if err != nil {
			return err
		}
		bad := problems(p, r, false)
		all, unread, err := benchEvents(p, &events)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return cli.Usagef("there are no events")
		}
		sum, rows := measure(r, all, b.duration)
		costly := slices.ContainsFunc(rows, func(x cost) bool { return x.PerEvent > float64(b.limit) })
		if b.json {
			err = printCostsJSON(p, &sum, rows)
		} else {
			printCosts(p, &sum, rows, &b)
		}
		if err == nil && (bad+unread > 0 || costly) {
			return cli.StatusError(cli.ExitFailed)
		}
		return err
	}
	return c
}

// benchEvents returns the events to measure on.
func benchEvents(p *cli.Program, o *eventOptions) (all []event.View, unread int, err error) {
	if o.file == "" {
		all, err = mix.Events()
		return all, 0, err
	}
	unread, err = o.each(p, func(_ int, v event.View) error {
		all = append(all, slices.Clone(v)) // the memory is used again
		return nil
	})
	return all, unread, err
}

// costs is what all rules take together.
type costs struct {
	Events  int     `json:"events"`
	Rules   int     `json:"rules"`
	Nanos   float64 `json:"ns_per_event"`
	Shared  float64 `json:"index_ns_per_event"` // finding the candidates
	Matches float64 `json:"matches_per_event"`
}

// cost is what one rule takes.
type cost struct {
	Rule       string  `json:"rule"`
	ID         string  `json:"id,omitempty"`
	File       string  `json:"file"`
	Line       int     `json:"line"`
	Candidates int     `json:"candidates"`
	Evaluated  int     `json:"evaluated"`
	Matches    int     `json:"matches"`
	Each       float64 `json:"ns"`           // of an evaluation
	PerEvent   float64 `json:"ns_per_event"` // mean over all events
	always     bool
}

// measure runs the rules on the events for about d.
func measure(r *detect.Rules, events []event.View, d time.Duration) (sum costs, rows []cost) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := r.Engine.Matcher()
	sum = costs{Events: len(events), Rules: len(r.Engine.Active())}
	byRule := map[*sigma.Rule]*cost{}
	for _, x := range r.Engine.Active() {
		byRule[x] = &cost{Rule: x.Label(), ID: x.ID, File: x.File, Line: x.Line, always: r.Engine.Unindexed(x)}
	}
	for _, v := range events {
		for _, x := range m.Match(v) {
			byRule[x.Rule].Matches++
			sum.Matches++
		}
	}
	sum.Matches /= float64(len(events))
	best := time.Duration(0)
	for end := time.Now().Add(d / 2); best == 0 || time.Now().Before(end); {
		start := threadTime()
		for _, v := range events {
			m.Match(v)
		}
		if took := threadTime() - start; best == 0 || took < best {
			best = took
		}
	}
	sum.Nanos = float64(best) / float64(len(events))
	timed(m, events, d/2, byRule)
	total := 0.0
	for _, x := range byRule {
		total += x.PerEvent
		rows = append(rows, *x)
	}
	sum.Shared = max(0, sum.Nanos-total)
	sort.Slice(rows, func(i, j int) bool {
		x, y := &rows[i], &rows[j]
		return cmp.Or(cmp.Compare(y.PerEvent, x.PerEvent), cmp.Compare(y.Evaluated, x.Evaluated), cmp.Compare(x.Rule, y.Rule)) < 0
	})
	return sum, rows
}

// timed measures the evaluations of single rules. Of the same evaluation the shortest time
// counts, because other programs make the others longer. Reading the clock takes as long
// as most of them, so that its own time, measured with nothing between, is taken off.
func timed(m *engine.Matcher, events []event.View, d time.Duration, byRule map[*sigma.Rule]*cost) {
	clock := time.Hour
	for range 1000 {
		start := time.Now()
		clock = min(clock, time.Since(start))
	}
	type evaluation struct {
		rule  *sigma.Rule
		event int
	}
	best := map[evaluation]time.Duration{}
	for end := time.Now().Add(d); len(best) == 0 || time.Now().Before(end); {
		for i, v := range events {
			m.MatchTimed(v, func(r *sigma.Rule, took time.Duration) {
				if r == nil {
					return
				}
				k := evaluation{r, i}
				if before, ok := best[k]; !ok || took < before {
					best[k] = took
				}
			})
		}
		if len(best) == 0 {
			break // no rule is evaluated
		}
	}
	for k, took := range best {
		x := byRule[k.rule]
		x.Evaluated++
		x.PerEvent += float64(max(0, took-clock))
	}
	for _, x := range byRule {
		if x.Evaluated > 0 {
			x.Each = x.PerEvent / float64(x.Evaluated)
		}
		x.PerEvent /= float64(len(events))
		if !x.always {
			x.Candidates = x.Evaluated
		}
	}
}

// threadTime returns the processor time of this thread, which does not count what other
// programs do meanwhile. Where the kernel does not have it, it is the time that passes.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(t.Nano())
}

func printCosts(p *cli.Program, sum *costs, rows []cost, o *benchOptions) {
	p.Line("%s, %s: %.0f ns an event on one core (%.0f of them the index), %.2f matches an event",
		count(sum.Rules, "rule"), count(sum.Events, "event"), sum.Nanos, sum.Shared, sum.Matches)
	fmt.Fprintln(p.Out)
	var t display.Table
	t.Row("NS AN EVENT", "NS EACH", "CANDIDATES", "EVALUATED", "MATCHES", "RULE")
	for _, x := range rows[:min(o.top, len(rows))] {
		candidates := fmt.Sprint(x.Candidates)
		if x.always {
			candidates = "-"
		}
		t.Row(fmt.Sprintf("%.1f", x.PerEvent), fmt.Sprintf("%.0f", x.Each), candidates, x.Evaluated, x.Matches, x.Rule)
	}
	_ = t.Write(p.Out, p.Out.Width()) // the output has the error too
	for _, x := range rows {
		if x.PerEvent > float64(o.limit) {
			why := ""
			if x.always {
				why = "; it is evaluated for each event, because it has no text to look for"
			}
			fmt.Fprintln(p.Out)
			p.Line("%s:%d: %s costs too much: %.0f ns an event, of at most %d%s", x.File, x.Line, x.Rule, x.PerEvent, o.limit.Nanoseconds(), why)
		}
	}
}

func printCostsJSON(p *cli.Program, sum *costs, rows []cost) error {
	if err := p.JSONLine(sum); err != nil {
		return err
	}
	for i := range rows {
		if err := p.JSONLine(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}
