package e2e

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// The parts that processes play; a role is called after its system: "broker:plain".
const (
	partBroker     = "broker"
	partPublisher  = "publisher"
	partSubscriber = "subscriber"
	partIdle       = "idle"
)

func roleName(part, system string) string { return part + ":" + system }

// order is what a process is started with.
type order struct {
	Spec   Spec   `json:"spec"`
	Config Config `json:"config"`
	Idle   int    `json:"idle"` // connections to hold, of the idle part
}

// Roles returns what the processes of these systems play; see proc.Roles.RunIfChild.
func Roles(systems ...System) proc.Roles {
	roles := proc.Roles{}
	for _, s := range systems {
		if s.Broker != nil {
			roles[roleName(partBroker, s.Name)] = s.runBroker
		}
		if s.Connect != nil {
			roles[roleName(partIdle, s.Name)] = s.runIdle
		}
		roles[roleName(partPublisher, s.Name)] = s.runPublisher
		roles[roleName(partSubscriber, s.Name)] = s.runSubscriber
	}
	return roles
}

// brokerReport is the result of the broker's part.
type brokerReport struct {
	Usage proc.Usage `json:"usage"`
}

func (s System) runBroker(ctx context.Context, c *proc.Control) error {
	var o order
	if err := c.Args(ctx, &o); err != nil {
		return err
	}
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() { // ends with ctx, at the latest with the process
		ended <- s.Broker(ctx, o.Config, func() { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		return early(err)
	}
	// The first collection takes some 500 KiB for the collector itself. Without this one it
	// falls among the first connections or not, by what else this program has allocated.
	runtime.GC()
	if err := c.Ready(nil); err != nil {
		return err
	}
	var span load.Span
	if err := c.Go(ctx, &span); err != nil {
		return err
	}
	stop := collect(o.Spec.Collect)
	usage, err := proc.Measure(ctx, span)
	stop()
	if err != nil {
		return err
	}
	if err := c.Result(brokerReport{usage}); err != nil {
		return err
	}
	return <-ended
}

// early is the error of a part that has ended before its parent ended it.
func early(err error) error {
	if err == nil {
		err = errors.New("e2e: ended before its parent ended it")
	}
	return err
}

// collect runs the garbage collector again and again, so that there are pauses to
// measure in a process that makes no garbage. Zero: it does not.
func collect(every time.Duration) (stop func()) {
	if every <= 0 {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // stop waits for it
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				runtime.GC()
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// publisherReport is the result of a publisher's part.
type publisherReport struct {
	Sent  load.Sent  `json:"sent"`
	Usage proc.Usage `json:"usage"`
}

func (s System) runPublisher(ctx context.Context, c *proc.Control) error {
	var o order
	if err := c.Args(ctx, &o); err != nil {
		return err
	}
	p, err := s.Publisher(ctx, o.Config)
	if err != nil {
		return fmt.Errorf("e2e: connect publisher: %w", err)
	}
	defer p.Close()
	var credits load.Credits
	if o.Spec.Rate == 0 && o.Spec.Window > 0 {
		t, err := takeCredits(o.Config)
		if err != nil {
			return err
		}
		defer t.Close()
		credits = t
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	var span load.Span
	if err := c.Go(ctx, &span); err != nil {
		return err
	}
	usage := measureAside(ctx, span)
	var out publisherReport
	if out.Sent, err = o.Spec.generate(ctx, o.Config.Index, span, p, credits); err != nil {
		return err
	}
	if out.Usage, err = usage(); err != nil {
		return err
	}
	if err := c.Result(out); err != nil {
		return err
	}
	<-ctx.Done() // stays connected until all have what was sent
	return nil
}

// generate runs the generator of one publisher.
func (s Spec) generate(ctx context.Context, index int, span load.Span, to load.Sender, credits load.Credits) (load.Sent, error) {
	if s.Rate > 0 {
		o := load.OpenLoop{
			Rate: s.Rate / float64(s.Publishers), Size: s.Size, Publisher: uint32(index), Span: span,
			Phase: time.Duration(float64(index) * float64(time.Second) / s.Rate),
		}
		return o.Run(ctx, to)
	}
	t := load.Stream{Size: s.Size, Publisher: uint32(index), Window: s.share(), Credits: credits, Span: span}
	return t.Run(ctx, to)
}

// measureAside measures this process while it works; the returned function waits for
// the result.
func measureAside(ctx context.Context, span load.Span) func() (proc.Usage, error) {
	var usage proc.Usage
	var err error
	ended := make(chan struct{})
	go func() { // the returned function waits for it
		defer close(ended)
		usage, err = proc.Measure(ctx, span)
	}()
	return func() (proc.Usage, error) {
		<-ended
		return usage, err
	}
}
