package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// WindowPublisher implements bus.WindowPublisher. Where the broker does not report what
// subscribers have taken, it returns ErrNoSettle.
func (c *Client) WindowPublisher(ctx context.Context, m bus.Outgoing, max bus.Window) (bus.WindowPublisher, error) {
	t, err := endpoint.PublishTemplate(&m)
	if err == nil {
		var w *endpoint.WindowPublisher
		if w, err = endpoint.NewWindowPublisher(ctx, &settlePublisher{publisher: c.publisher(m.Topic, t), topic: m.Topic, number: c.calls.NextID()}, max); err == nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("window publisher: %w", err)
}

// settlePublisher is a publisher that sends settles, over a connection.
type settlePublisher struct {
	*publisher
	topic  string
	number uint64
	open   atomic.Uint64 // id of the last settle
}

func (p *settlePublisher) Size(extension, payload []byte) int { return p.out.Size(extension, payload) }

func (p *settlePublisher) Publish(ctx context.Context, payload, extension []byte) error {
	return p.publish(ctx, payload, extension)
}

func (p *settlePublisher) Settle(ctx context.Context) (<-chan endpoint.Settled, error) {
	c := p.c
	if !c.terms.Load().has(frame.FeatureSettle) {
		return nil, ErrNoSettle
	}
	f := p.settleFrame(c.calls.NextID())
	p.open.Store(f.ID)
	return c.calls.Settle(ctx, f)
}

func (p *settlePublisher) settleFrame(id uint64) *frame.Fields {
	return &frame.Fields{
		Type: frame.TypeSettle, Priority: frame.NormalPriority, Topic: p.topic, ID: id, Time: frame.Now(), Payload: frame.AppendSettle(nil, p.number),
	}
}

func (p *settlePublisher) End() {
	c := p.c
	c.calls.Forget(p.open.Load()) // it is not answered any more
	if !c.terms.Load().has(frame.FeatureSettle) {
		return
	}
	f := p.settleFrame(0)
	f.Flags = frame.FlagDrain
	_ = c.out.Enqueue(f) // without a connection the broker has forgotten it
}

func (p *settlePublisher) Push(ctx context.Context) error { return p.c.out.Push(ctx) }

func (p *settlePublisher) MayWait() error {
	if p.c.inHandler() {
		return ErrInHandler
	}
	return nil
}

func (p *settlePublisher) Closed() <-chan struct{} { return p.c.ctx.Done() }
