package agent

import (
	"context"
	"net"
	"sync"

	"github.com/daemoneye/eventbus/agent/metrics"
)

// exporter serves metrics at the address of the configuration, which a reload may
// change. One goroutine at a time offers.
type exporter struct {
	offered chan net.Listener // the newest only; nil ends serving
}

func newExporter() *exporter { return &exporter{make(chan net.Listener, 1)} }

// bind binds an address, so that a reload can fail before it changes anything. nil is
// no address.
func (e *exporter) bind(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	return metrics.Listen(address)
}

// offer has run serve on l from now on, and on nothing else.
func (e *exporter) offer(l net.Listener) {
	select {
	case before := <-e.offered: // run has not taken it
		if before != nil {
			_ = before.Close() // nobody has connected
		}
	default:
	}
	e.offered <- l
}

// run serves what is offered until ctx ends.
func (e *exporter) run(ctx context.Context, a *Agent) {
	var serving sync.WaitGroup
	stop := func() {}
	for {
		select {
		case l := <-e.offered:
			stop()
			serving.Wait()
			if stop = func() {}; l == nil {
				continue
			}
			var inner context.Context
			inner, stop = context.WithCancel(ctx)
			serving.Go(func() {
				if err := metrics.Serve(inner, l, a.ownStatus, a.o.Logger); err != nil {
					a.o.Logger.Warn("metrics", "err", err)
				}
			})
		case <-ctx.Done():
			stop()
			serving.Wait()
			e.offer(nil) // closes what came too late
			return
		}
	}
}
