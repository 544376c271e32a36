package floor

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// OneHop writes straight from the publishers to the subscribers, in batches or one
// write a message. A publisher writes to each subscriber.
func OneHop(single bool) e2e.System {
	name, colour := "one-hop", report.Grey
	if single {
		name, colour = "one-hop-single", report.Black
	}
	return e2e.System{
		Name:   name,
		Colour: colour,
		Floor:  true,
		Publisher: func(_ context.Context, c e2e.Config) (e2e.Publisher, error) {
			p := newPublisher(nil, single)
			for i := range c.Subscribers {
				fd, err := dial(oneHopPath(c, i))
				if err != nil {
					p.Close()
					return nil, err
				}
				p.fds = append(p.fds, fd)
			}
			return p, nil
		},
		Subscriber: oneHopSubscriber,
	}
}

func oneHopPath(c e2e.Config, subscriber int) string {
	return c.Path(fmt.Sprintf("one-hop-%d.sock", subscriber))
}

func oneHopSubscriber(ctx context.Context, c e2e.Config, ready func(), sink e2e.Sink) error {
	l, err := listen(oneHopPath(c, c.Index))
	if err != nil {
		return err
	}
	defer unix.Close(l)
	defer hangUpWith(ctx, l)()
	ready()
	fds := make([]int, c.Publishers)
	for i := range fds {
		if fds[i], err = accept(l); err != nil {
			return err
		}
	}
	return receive(ctx, fds, sink)
}
