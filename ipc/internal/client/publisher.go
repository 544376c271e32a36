package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/outbox"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// Publisher implements bus.Bus. Messages that come now and then are written at once,
// by the goroutine that publishes. A dense stream is written in batches, of what comes
// within 50 to 500 µs, but of no more than 384 messages or 192 KiB.
func (c *Client) Publisher(topic string) (bus.Publisher, error) {
	return c.PublisherOf(bus.Outgoing{Topic: topic})
}

// PublisherOf implements bus.Bus.
func (c *Client) PublisherOf(m bus.Outgoing) (bus.Publisher, error) {
	t, err := endpoint.PublishTemplate(&m)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return c.publisher(m.Topic, t), nil
}

func (c *Client) publisher(topic string, t frame.Template) *publisher {
	return &publisher{c, c.out.Publisher(t, c.terms.Load().lane(topic))}
}

type publisher struct {
	c   *Client
	out outbox.Publisher
}

func (p *publisher) Publish(payload []byte) error {
	return p.publish(context.Background(), payload, nil)
}

func (p *publisher) PublishMeta(payload, extension []byte) error {
	return p.publish(context.Background(), payload, extension)
}

func (p *publisher) publish(ctx context.Context, payload, extension []byte) error {
	c := p.c
	n := p.out.Size(extension, payload)
	terms := c.terms.Load()
	if n > terms.MaxMessageSize {
		return terms.admit(n)
	}
	if len(extension) > frame.MaxExtension {
		return &bus.LimitError{Limit: "max_extension", Max: frame.MaxExtension, Got: int64(len(extension))}
	}
	if len(payload) > frame.CompressAbove {
		if method := c.o.Compress & terms.inflates; method != 0 {
			return p.publishCompressed(ctx, method, extension, payload)
		}
	}
	return p.out.Publish(ctx, extension, payload)
}

// compressed are buffers that payloads are compressed into.
var compressed = sync.Pool{New: func() any { return new([]byte) }}

func (p *publisher) publishCompressed(ctx context.Context, method frame.Flags, extension, payload []byte) error {
	buf := compressed.Get().(*[]byte)
	defer compressed.Put(buf)
	out, flag := frame.Compress((*buf)[:0], payload, method)
	*buf = out
	if flag == 0 {
		out = payload
	}
	return p.out.PublishFlagged(ctx, p.out.Flags()|flag, extension, out)
}

// Publish implements bus.Bus.
func (c *Client) Publish(ctx context.Context, m bus.Outgoing) error {
	f, err := c.publishFields(ctx, &m)
	if err != nil {
		return err
	}
	return c.send(ctx, &f)
}

// PublishConfirmed implements bus.Bus. Where the broker does not confirm messages it
// returns ErrNoConfirm, and publishes nothing.
func (c *Client) PublishConfirmed(ctx context.Context, m bus.Outgoing) (matched int, err error) {
	if c.inHandler() {
		return 0, fmt.Errorf("publish on %q: %w", m.Topic, ErrInHandler)
	}
	f, err := c.publishFields(ctx, &m)
	if err == nil && !c.terms.Load().has(frame.FeatureConfirm) {
		err = ErrNoConfirm
	}
	if err != nil {
		return 0, fmt.Errorf("publish on %q: %w", m.Topic, err)
	}
	f.ID, f.Flags = c.calls.NextID(), f.Flags|frame.FlagConfirm
	ack, err := c.calls.Await(ctx, &f)
	if err != nil {
		return 0, fmt.Errorf("publish on %q: %w", m.Topic, err)
	}
	return int(ack.Matched), nil
}

// publishFields returns the frame for m, compressed where that is of use.
func (c *Client) publishFields(ctx context.Context, m *bus.Outgoing) (frame.Fields, error) {
	if err := ctx.Err(); err != nil {
		return frame.Fields{}, err
	}
	f, err := endpoint.PublishFields(m)
	if err != nil {
		return f, err
	}
	terms := c.terms.Load()
	if err := terms.admit(frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)); err != nil {
		return f, err
	}
	if method := c.o.Compress & terms.inflates; method != 0 && len(f.Payload) > frame.CompressAbove {
		out, flag := frame.Compress(nil, f.Payload, method)
		if flag != 0 {
			f.Payload, f.Flags = out, f.Flags|flag
		}
	}
	return f, nil
}

// Push implements bus.Bus: what waits to be written together with more is written now.
func (c *Client) Push() error { return c.out.Push(context.Background()) }
