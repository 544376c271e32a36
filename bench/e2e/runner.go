package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// lead is the time between "go" and the first message, in which every process gets it.
const lead = 20 * time.Millisecond

// slack is how much longer than its span a measurement may take, before it counts as
// hung.
const slack = 20 * time.Second

var errHangs = errors.New("e2e: the measurement hangs")

// Run does one measurement of one system. It leaves no process and no file behind.
// One at a time, or they measure each other.
func Run(ctx context.Context, s System, spec Spec) (out Outcome, err error) {
	if err := spec.check(); err != nil {
		return Outcome{}, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("e2e: %s %s: %w", s.Name, spec.Fan(), err)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, lead+spec.Warmup+spec.Measured+slack, errHangs)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench") // not the test's own directory, whose name may be too long for a socket
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)

	var c cast
	defer func() {
		// What went wrong first is the cause of how they ended.
		if ended := c.stop(); err == nil {
			err = ended
		}
	}()
	if err := c.start(ctx, s, spec, dir); err != nil {
		return Outcome{}, err
	}
	return c.play(ctx, spec)
}

// cast are the processes of one measurement.
type cast struct {
	broker      *proc.Process // nil where the system has none
	publishers  []*proc.Process
	subscribers []*proc.Process
}

// start brings up the broker, then the subscribers, then the publishers: each finds
// what it connects to.
func (c *cast) start(ctx context.Context, s System, spec Spec, dir string) error {
	var err error
	if s.Broker != nil {
		if c.broker, err = begin(ctx, s, partBroker, order{Spec: spec, Config: spec.config(dir, 0)}); err != nil {
			return err
		}
	}
	for i := range spec.Subscribers {
		p, err := begin(ctx, s, partSubscriber, order{Spec: spec, Config: spec.config(dir, i)})
		if err != nil {
			return err
		}
		c.subscribers = append(c.subscribers, p)
	}
	for i := range spec.Publishers {
		p, err := begin(ctx, s, partPublisher, order{Spec: spec, Config: spec.config(dir, i)})
		if err != nil {
			return err
		}
		c.publishers = append(c.publishers, p)
	}
	return nil
}

// begin starts one process and waits until it is ready.
func begin(ctx context.Context, s System, part string, o order) (*proc.Process, error) {
	p, err := s.Program.Start(ctx, roleName(part, s.Name), o)
	if err != nil {
		return nil, err
	}
	if err := p.Ready(ctx, nil); err != nil {
		_ = p.Stop() // its end is in err
		return nil, err
	}
	return p, nil
}

// play starts the measurement and gathers the results.
func (c *cast) play(ctx context.Context, spec Spec) (Outcome, error) {
	span := load.NewSpan(lead, spec.Warmup, spec.Measured)
	// Publishers last: when the first message comes, everyone knows the span.
	for _, p := range slices.Concat(c.subscribers, c.publishers) {
		if err := p.Go(span); err != nil {
			return Outcome{}, err
		}
	}
	machine := watchAside(ctx, span)
	var broker brokerReport
	if c.broker != nil {
		if err := c.broker.Go(span); err != nil {
			return Outcome{}, err
		}
		if err := c.broker.Result(ctx, &broker); err != nil {
			return Outcome{}, err
		}
	}
	publishers := make([]publisherReport, len(c.publishers))
	for i, p := range c.publishers {
		if err := p.Result(ctx, &publishers[i]); err != nil {
			return Outcome{}, err
		}
	}
	subscribers := make([]subscriberReport, len(c.subscribers))
	for i, p := range c.subscribers {
		if err := p.Result(ctx, &subscribers[i]); err != nil {
			return Outcome{}, err
		}
	}
	return newOutcome(spec, machine(), broker, publishers, subscribers), nil
}

// watchAside watches the machine during span; the returned function waits for the
// result.
func watchAside(ctx context.Context, span load.Span) func() proc.Machine {
	var machine proc.Machine
	ended := make(chan struct{})
	go func() { // the returned function waits for it, or it ends with ctx
		defer close(ended)
		machine, _ = proc.WatchMachine(ctx, span) // an error is the end of ctx, which all others report
	}()
	return func() proc.Machine {
		<-ended
		return machine
	}
}

// stop ends them in the reverse order of start.
func (c *cast) stop() error {
	var err error
	for _, p := range slices.Concat(c.publishers, c.subscribers) {
		err = errors.Join(err, p.Stop())
	}
	if c.broker != nil {
		err = errors.Join(err, c.broker.Stop())
	}
	return err
}
