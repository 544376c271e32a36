// Package bus is the broker of this project as the measurements see it: its
// roles in processes of their own, through the same client that users have.
package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// MaxConnections is more than any measurement has.
const MaxConnections = 1024

// topic is what everybody publishes on.
const topic = "events.bench"

// System is the broker over its socket. A budget in the configuration is given
// to the broker and to the publishers.
func System() e2e.System {
	return e2e.System{
		Name: "daemoneye", Colour: report.Blue,
		Broker: broker, Publisher: publish, Subscriber: subscribe, Connect: connect,
	}
}

func broker(ctx context.Context, c e2e.Config, ready func()) error {
	b, err := router.New(router.Options{Name: "bench", LatencyBudget: c.Budget})
	if err != nil {
		return err
	}
	err = ipc.Serve(ctx, b, ipc.Options{Path: c.Socket(), MaxConnections: MaxConnections, Ready: func(string) { ready() }})
	if errors.Is(err, ipc.ErrServerClosed) {
		return nil
	}
	return err
}

func options(c e2e.Config, name string) ipc.ClientOptions {
	return ipc.ClientOptions{Path: c.Socket(), Name: fmt.Sprintf("%s-%d", name, c.Index), NoReconnect: true, LatencyBudget: c.Budget}
}

// sender is a client that publishes on the topic.
type sender struct {
	*ipc.Client
	pub    router.Publisher
	budget time.Duration
}

func (s sender) Send(payload []byte) error { return s.pub.Publish(payload) }

// Flush has the client write what it keeps back to write it with more, unless it may keep
// that for a budget.
func (s sender) Flush() error {
	if s.budget > 0 {
		return nil
	}
	return s.Push()
}

func publish(ctx context.Context, c e2e.Config) (e2e.Publisher, error) {
	client, err := ipc.DialOptions(ctx, options(c, "publisher"))
	if err != nil {
		return nil, err
	}
	pub, err := client.Publisher(topic)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return sender{client, pub, c.Budget}, nil
}

func subscribe(ctx context.Context, c e2e.Config, ready func(), sink e2e.Sink) error {
	ended := make(chan error, 1)
	o := options(c, "subscriber")
	o.OnState = func(err error) {
		if err != nil {
			ended <- err
		}
	}
	client, err := ipc.DialOptions(ctx, o)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Subscribe(ctx, router.Subscription{Patterns: []string{topic}, Handler: func(m *router.Message) {
		if m.Gap != nil {
			sink.Lost(m.Gap.Count)
			return
		}
		sink.Receive(m.Payload)
	}})
	if err != nil {
		return err
	}
	ready()
	select {
	case <-ctx.Done():
	case <-ended:
	}
	return nil
}

// connect makes a client that subscribes, as most do, to what nobody publishes.
func connect(ctx context.Context, c e2e.Config) (io.Closer, error) {
	client, err := ipc.DialOptions(ctx, options(c, "idle"))
	if err != nil {
		return nil, err
	}
	if _, err := client.Subscribe(ctx, router.Subscription{Patterns: []string{"events.idle.#"}}); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}
