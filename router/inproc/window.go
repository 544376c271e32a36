package inproc

import (
	"context"
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// WindowPublisher implements Bus.
func (l *Client) WindowPublisher(ctx context.Context, m bus.Outgoing, max bus.Window) (bus.WindowPublisher, error) {
	t, err := endpoint.PublishTemplate(&m)
	if err == nil {
		var w *endpoint.WindowPublisher
		p := &settlePublisher{publisher: publisher{l, t}, topic: []byte(m.Topic), number: l.requests.NextID()}
		if w, err = endpoint.NewWindowPublisher(ctx, p, max); err == nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("window publisher: %w", err)
}

// settlePublisher is a publisher of an in-process client that settles.
type settlePublisher struct {
	publisher
	topic  []byte
	number uint64
}

func (p *settlePublisher) Size(extension, payload []byte) int {
	return p.t.Size(extension, payload)
}

func (p *settlePublisher) Publish(ctx context.Context, payload, extension []byte) error {
	return p.publish(ctx, payload, extension)
}

// Settle goes past the client's ring: the routing thread looks at it when it has routed
// all that was in the ring.
func (p *settlePublisher) Settle(ctx context.Context) (<-chan endpoint.Settled, error) {
	l := p.l
	answer := make(chan endpoint.Settled, 1)
	settle := func() {
		err := l.session.SettlePublisher(p.number, p.topic, func(s frame.Settled, err error) { answer <- endpoint.Settled{Settled: s, Err: err} })
		switch {
		case errors.Is(err, bus.ErrClosed):
			answer <- endpoint.Settled{Err: err}
		case err != nil:
			fault := frame.FaultOf(err) // as over a socket
			answer <- endpoint.Settled{Err: &fault}
		}
	}
	if l.ctx.Err() != nil || !l.calls.PostUntil(l.afterSent(settle)) {
		return nil, bus.ErrClosed
	}
	return answer, nil
}

func (p *settlePublisher) End() {
	l := p.l
	l.calls.PostUntil(l.afterSent(func() { l.session.EndPublisher(p.number) })) // a broker that has ended has forgotten it
}

func (p *settlePublisher) Push(context.Context) error { return p.l.Push() }

// MayWait returns nil, because an answer does not need the goroutine of a handler.
func (p *settlePublisher) MayWait() error { return nil }

func (p *settlePublisher) Closed() <-chan struct{} { return p.l.ctx.Done() }
