package bus

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	size, window     int
	rate             float64
	duration, budget time.Duration
	json             bool
}

// NewBench makes the command bench.
func NewBench(p *cli.Program) *cobra.Command {
	var t cli.Target
	var o benchOptions
	c := &cobra.Command{
		Use: "bench", Short: "measure the running agent's broker", Args: cli.NoArgs,
		Long: `
Publish and subscribe on a running agent, on the topic events.bench, and show
what came of it: first as fast as it goes with a bounded number of messages on
their way, then at a fixed rate, with the latency from the time at which each
message was due. Publisher and subscriber are this one process, so they share
its processor time. Other subscribers of events.# get the messages too, and they
take the places of older events below events, but those of processes, in what the
agent keeps for tail --replay. The agent may hold messages back for as long as its
own --latency-budget, which is part of what is measured.`,
		Example: `daemoneye-agent bench
daemoneye-agent bench --size 1024 --rate 50000 --duration 10s --json`,
	}
	t.Flags(c)
	fs := c.Flags()
	cli.IntFlag(fs, &o.size, "size", 128, load.StampSize, 1<<20-256, "`BYTES` of a message")
	cli.RateFlag(fs, &o.rate, "rate", 10000, 0.01, 1e9, "`N` messages a second for the latency")
	cli.IntFlag(fs, &o.window, "window", 512, 1, 1_000_000, "`N` messages on their way at most, for the throughput")
	cli.TimeFlag(fs, &o.duration, "duration", 3*time.Second, time.Millisecond, time.Hour, "`TIME` of each of the two measurements")
	cli.TimeFlag(fs, &o.budget, "latency-budget", 0, 0, time.Second, "`TIME` that the publisher may hold messages back")
	fs.BoolVar(&o.json, "json", false, "print the result as JSON, and no progress")
	c.RunE = func(c *cobra.Command, _ []string) error { return runBench(c.Context(), p, &t, &o) }
	return c
}

const benchTopic = "events.bench"

// benchResult is what -json prints. Durations are in nanoseconds.
type benchResult struct {
	Size       int     `json:"size_bytes"`
	Throughput float64 `json:"throughput_msg_per_s"`
	Sent       uint64  `json:"throughput_sent"`
	Received   uint64  `json:"throughput_received"`
	Lost       uint64  `json:"throughput_lost"`
	Rate       float64 `json:"latency_rate_msg_per_s"`
	// Reached is the rate of sending that came of it where that could not be held:
	// Unsent messages were due, and were not sent.
	Reached float64 `json:"latency_rate_reached_msg_per_s,omitempty"`
	Unsent  uint64  `json:"latency_unsent,omitempty"`
	// Latency and Lateness are missing where no message that was due in the measured
	// time was sent.
	Latency    *quant `json:"latency,omitempty"`
	Lateness   *quant `json:"generator_lateness,omitempty"`
	LatencyN   uint64 `json:"latency_messages"`
	LatencyGap uint64 `json:"latency_lost"`
}

type quant struct {
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

func quantiles(h *load.Histogram) *quant {
	if h.Count() == 0 {
		return nil
	}
	return &quant{h.Quantile(0.5), h.Quantile(0.99), h.Quantile(0.999), h.Max()}
}

func runBench(ctx context.Context, p *cli.Program, t *cli.Target, o *benchOptions) error {
	ctx, stop := p.Out.WhileRead(ctx)
	defer stop()
	if err := measureBoth(ctx, p, t, o); err != nil {
		return cmp.Or(stopped(ctx), err)
	}
	return nil
}

// measureBoth measures throughput and latency, and prints the result.
func measureBoth(ctx context.Context, p *cli.Program, t *cli.Target, o *benchOptions) error {
	b := bencher{p: p, t: t, size: o.size, budget: o.budget, duration: o.duration, quiet: o.json}
	r := benchResult{Size: o.size, Rate: o.rate}
	w := load.NewWindow(1)
	b.progress("throughput, %d B, %d on their way at most, %s", o.size, o.window, o.duration)
	got, sent, err := b.measure(ctx, load.ReceiverOptions{Every: uint64(max(o.window/4, 1)), Acker: load.Windows{Publishers: []*load.Window{w}}},
		func(ctx context.Context, span load.Span, s load.Sender) (load.Sent, error) {
			return load.Stream{Size: o.size, Window: uint64(o.window), Credits: w, Span: span}.Run(ctx, s)
		})
	if err != nil {
		return err
	}
	r.Throughput, r.Sent, r.Received, r.Lost = got.Rate, sent.Messages, got.Messages, got.Missing
	b.progress("latency at %g msg/s, %s", o.rate, o.duration)
	got, sent, err = b.measure(ctx, load.ReceiverOptions{Latency: true},
		func(ctx context.Context, span load.Span, s load.Sender) (load.Sent, error) {
			return load.OpenLoop{Rate: o.rate, Size: o.size, Span: span}.Run(ctx, s)
		})
	if err != nil {
		return err
	}
	r.Latency, r.Lateness, r.LatencyN, r.LatencyGap = quantiles(got.Latency), quantiles(sent.Lateness), got.Messages, got.Missing
	r.Reached, r.Unsent = sent.Reached, sent.Unsent
	if o.json {
		return p.JSON(&r)
	}
	return printBench(p, &r)
}

// bencher runs one measurement after the other against one agent.
type bencher struct {
	p        *cli.Program
	t        *cli.Target
	size     int
	budget   time.Duration
	duration time.Duration
	quiet    bool
}

func (b *bencher) progress(format string, args ...any) {
	if !b.quiet {
		fmt.Fprintf(b.p.Err, "bench: "+format+"\n", args...)
	}
}

// measure has generate publish over one connection and receives over another.
func (b *bencher) measure(ctx context.Context, o load.ReceiverOptions, generate func(context.Context, load.Span, load.Sender) (load.Sent, error)) (load.Received, load.Sent, error) {
	fail := func(err error) (load.Received, load.Sent, error) { return load.Received{}, load.Sent{}, err }
	options := ipc.ClientOptions{Name: "bench", Role: cli.ClientRole, LatencyBudget: b.budget}
	subscriber, err := b.t.Dial(ctx, options)
	if err != nil {
		return fail(err)
	}
	defer subscriber.Close()
	publisher, err := b.t.Dial(ctx, options)
	if err != nil {
		return fail(err)
	}
	defer publisher.Close()
	receiver := load.NewReceiver(o)
	_, err = subscriber.Subscribe(ctx, router.Subscription{SubscriberID: "bench", Patterns: []string{benchTopic}, Handler: func(m *router.Message) {
		if m.Gap != nil {
			receiver.Lost(m.Gap.Count)
			return
		}
		receiver.Receive(m.Payload)
	}})
	if err != nil {
		return fail(err)
	}
	pub, err := publisher.Publisher(benchTopic)
	if err != nil {
		return fail(err)
	}
	span := load.NewSpan(100*time.Millisecond, b.duration/10, b.duration)
	receiver.Measure(span)
	var sent load.Sent
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		sent, err = generate(gctx, span, sender{publisher, pub, b.budget})
		return err
	})
	g.Go(func() error { return b.watch(gctx, receiver) })
	if err := g.Wait(); err != nil {
		return fail(err)
	}
	if err := subscriber.Close(); err != nil {
		return fail(err)
	}
	got, err := receiver.Result()
	return got, sent, err
}

// watch shows progress until the last message has come, or none has come for a while.
func (b *bencher) watch(ctx context.Context, r *load.Receiver) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	before, idle := uint64(0), 0
	for {
		select {
		case <-r.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			seen := r.Seen()
			b.progress("%d msg/s", seen-before)
			if idle++; seen > before {
				idle = 0
			}
			if idle > 5+int(b.duration/time.Second) {
				return fmt.Errorf("nothing came for %d s: does the agent's policy let us subscribe to %s?", idle, benchTopic)
			}
			before = seen
		}
	}
}

// sender is a client as the load generator sees it.
type sender struct {
	c      *ipc.Client
	pub    router.Publisher
	budget time.Duration
}

func (s sender) Send(payload []byte) error { return s.pub.Publish(payload) }

// Flush writes out what the client holds back to send it with more, unless it may hold
// that for a latency budget.
func (s sender) Flush() error {
	if s.budget > 0 {
		return nil
	}
	return s.c.Push()
}

func printBench(p *cli.Program, r *benchResult) error {
	p.Line("throughput  %.0f msg/s of %d B (%.0f MB/s); %d sent, %d received, %d lost",
		r.Throughput, r.Size, r.Throughput*float64(r.Size)/1e6, r.Sent, r.Received, r.Lost)
	p.Line("latency at %.0f msg/s, %d messages, %d lost", r.Rate, r.LatencyN, r.LatencyGap)
	if r.Unsent > 0 {
		p.Line("  the rate could not be held: it was %.0f msg/s, and %d messages that were due were not sent", r.Reached, r.Unsent)
	}
	if r.Latency == nil || r.Lateness == nil {
		fmt.Fprintln(p.Out, "  no latency: nothing that was due in the measured time came")
		return nil
	}
	fmt.Fprintf(p.Out, "  %-22s %10s %10s %10s %10s\n", "", "p50", "p99", "p99.9", "max")
	row := func(name string, q *quant) {
		fmt.Fprintf(p.Out, "  %-22s %10s %10s %10s %10s\n", name, cli.Short(q.P50), cli.Short(q.P99), cli.Short(q.P999), cli.Short(q.Max))
	}
	row("due to delivered", r.Latency)
	row("due to sent (of these)", r.Lateness)
	return nil
}
