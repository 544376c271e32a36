package ipc

import (
	"context"
	"fmt"
	"sync"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// Publisher implements router.Bus. Messages that come now and then are written
// at once, by the goroutine that publishes; a dense stream is written in
// batches, as large as what comes while the last one is being written.
func (c *Client) Publisher(topic string) (router.Publisher, error) {
	return c.PublisherOf(router.Outgoing{Topic: topic})
}

// PublisherOf implements router.Bus.
func (c *Client) PublisherOf(m router.Outgoing) (router.Publisher, error) {
	t, err := router.PublishTemplate(&m)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &publisher{c: c, t: t, flags: frame.Frame(t).Flags(), lane: c.laneOf(m.Topic)}, nil
}

// laneOf returns the lane that topic takes to the broker: what is urgent there
// goes first here.
func (c *Client) laneOf(topic string) router.Lane {
	for _, text := range c.welcome.Load().Urgent {
		if p, err := router.ParsePattern(text, true); err == nil && p.Match(topic) {
			return router.Urgent
		}
	}
	return router.Bulk
}

type publisher struct {
	c     *Client
	t     frame.Template
	flags frame.Flags
	lane  router.Lane
}

func (p *publisher) Publish(payload []byte) error { return p.PublishMeta(payload, nil) }

func (p *publisher) PublishMeta(payload, extension []byte) error {
	c := p.c
	n := p.t.Size(extension, payload)
	if limit := c.welcome.Load().MaxMessageSize; n > limit || len(extension) > frame.MaxExtension {
		return &router.LimitError{Limit: "max_message_size", Max: int64(limit), Got: int64(n)}
	}
	if c.o.Compress != 0 && len(payload) > frame.CompressAbove {
		return c.publishCompressed(p, extension, payload)
	}
	o := &c.out
	o.mu.Lock()
	if err := o.reserve(p.lane, n); err != nil {
		o.mu.Unlock()
		return err
	}
	now := o.stamp()
	b := &o.lanes[p.lane]
	*b = p.t.Append(*b, router.PublishID|c.number.Add(1), now, extension, payload)
	return o.wrote(p.lane, now)
}

// compressed are buffers that payloads are compressed into.
var compressed = sync.Pool{New: func() any { return new([]byte) }}

func (c *Client) publishCompressed(p *publisher, extension, payload []byte) error {
	buf := compressed.Get().(*[]byte)
	defer compressed.Put(buf)
	out, flag := frame.Compress((*buf)[:0], payload, c.o.Compress)
	*buf = out
	if flag == 0 {
		out = payload
	}
	o := &c.out
	o.mu.Lock()
	if err := o.reserve(p.lane, p.t.Size(extension, out)); err != nil {
		o.mu.Unlock()
		return err
	}
	now := o.stamp()
	b := &o.lanes[p.lane]
	start := len(*b)
	*b = p.t.Append(*b, router.PublishID|c.number.Add(1), now, extension, out)
	frame.Frame((*b)[start:]).SetFlags(p.flags | flag)
	return o.wrote(p.lane, now)
}

// Publish implements router.Bus.
func (c *Client) Publish(ctx context.Context, m router.Outgoing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := router.PublishFields(&m)
	if err != nil {
		return err
	}
	f.ID = router.PublishID | c.number.Add(1)
	if c.o.Compress != 0 && len(f.Payload) > frame.CompressAbove {
		out, flag := frame.Compress(nil, f.Payload, c.o.Compress)
		if flag != 0 {
			f.Payload, f.Flags = out, f.Flags|flag
		}
	}
	return c.send(&f)
}

// Push writes out what waits for company, without waiting for the broker as
// Flush does. A client with a latency budget goes on waiting for that.
func (c *Client) Push() error {
	if c.o.LatencyBudget > 0 {
		return nil
	}
	return c.out.push()
}
