package floor

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// relay makes a system of a relay's serve function; its clients are the same for each.
func relay(name string, colour report.Colour, single bool, serve func(context.Context, e2e.Config, func()) error) e2e.System {
	return e2e.System{
		Name:   name,
		Colour: colour,
		Floor:  true,
		Broker: serve,
		Publisher: func(_ context.Context, c e2e.Config) (e2e.Publisher, error) {
			fd, err := greet(c, helloPublisher)
			if err != nil {
				return nil, err
			}
			return newPublisher([]int{fd}, single), nil
		},
		Subscriber: func(ctx context.Context, c e2e.Config, ready func(), sink e2e.Sink) error {
			fd, err := greet(c, helloSubscriber)
			if err != nil {
				return err
			}
			var answer [1]byte
			if err := readFull(fd, answer[:]); err != nil {
				unix.Close(fd)
				return err
			}
			ready()
			return receive(ctx, []int{fd}, sink)
		},
		Connect: func(_ context.Context, c e2e.Config) (io.Closer, error) {
			fd, err := dial(c.Socket())
			if err != nil {
				return nil, err
			}
			return newPublisher([]int{fd}, single), nil
		},
	}
}

// greet connects and sends the byte that names the purpose.
func greet(c e2e.Config, hello byte) (int, error) {
	fd, err := dial(c.Socket())
	if err != nil {
		return -1, err
	}
	if err := writeAll(fd, []byte{hello}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
