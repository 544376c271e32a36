package e2e

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// subscriberReport is the result of a subscriber's part.
type subscriberReport struct {
	Received load.Received `json:"received"`
	Usage    proc.Usage    `json:"usage"`
}

// straggle is how long after the end of a measurement a subscriber waits for the
// last message of each publisher. A system that loses messages may have lost that
// one too. A publisher may run out of patience twice before it sends it.
const straggle = 2*load.Patience + time.Second

func (s System) runSubscriber(ctx context.Context, c *proc.Control) error {
	var o order
	if err := c.Args(ctx, &o); err != nil {
		return err
	}
	options := load.ReceiverOptions{Publishers: o.Spec.Publishers, Every: o.Spec.every(), Latency: o.Spec.Rate > 0}
	if o.Spec.Rate == 0 && o.Spec.Window > 0 {
		credits, err := payCredits(o.Config)
		if err != nil {
			return err
		}
		defer credits.Close()
		options.Acker = credits
	}
	r := load.NewReceiver(options)
	streaming, quit := context.WithCancel(ctx)
	defer quit()
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() { // ends soon after streaming has; await waits for it
		ended <- s.Subscriber(streaming, o.Config, func() { close(ready) }, r)
	}()
	select {
	case <-ready:
	case err := <-ended:
		return early(err)
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	var span load.Span
	if err := c.Go(ctx, &span); err != nil {
		return err
	}
	r.Measure(span)
	usage := measureAside(ctx, span)
	if err := await(r, span, ended, quit); err != nil {
		return err
	}
	var out subscriberReport
	var err error
	if out.Received, err = r.Result(); err != nil {
		return err
	}
	if out.Usage, err = usage(); err != nil {
		return err
	}
	if err := c.Result(out); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// await returns when the receiver has everything, or when it is too late for that.
// In the second case the stream is ended first, so that nobody writes into the
// receiver while its result is read.
func await(r *load.Receiver, span load.Span, ended <-chan error, quit context.CancelFunc) error {
	late := time.NewTimer(time.Duration(span.To-load.Now()) + straggle)
	defer late.Stop()
	select {
	case <-r.Done():
		return nil
	case err := <-ended:
		return early(err)
	case <-late.C:
		quit()
		return <-ended
	}
}
