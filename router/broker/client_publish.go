package broker

import (
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// send encodes and sends a frame.
func (l *LocalClient) send(ctx context.Context, f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	if err := l.checkSize(n, len(f.Extension)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	off, err := l.reserve(n)
	if err != nil {
		return err
	}
	if _, err := frame.Append(l.buf.B[off:off:len(l.buf.B)], f); err != nil {
		return err
	}
	return l.pass(ctx, off, n)
}

func (l *LocalClient) checkSize(n, extension int) error {
	if n > l.b.opts.MaxMessageSize {
		return &bus.LimitError{Limit: "max_message_size", Max: int64(l.b.opts.MaxMessageSize), Got: int64(n)}
	}
	if extension > frame.MaxExtension {
		return &bus.LimitError{Limit: "max_extension", Max: frame.MaxExtension, Got: int64(extension)}
	}
	return nil
}

// reserve makes room for n bytes in buf and returns where. mu is held.
func (l *LocalClient) reserve(n int) (off int, err error) {
	if l.closed || l.b.ending.Load() {
		return 0, bus.ErrClosed
	}
	if l.buf == nil || len(l.buf.B)-l.used < n {
		if l.buf != nil {
			l.buf.Release(1)
		}
		l.buf, l.used = l.b.pool.Get(max(n, localBuffer)), 0
		l.buf.B = l.buf.B[:cap(l.buf.B)]
	}
	return l.used, nil
}

// pass hands the frame at off to the routing thread, and waits for it where too
// much is on its way already. mu is held: publishers of one client queue up.
func (l *LocalClient) pass(ctx context.Context, off, n int) error {
	it := queue.Item{Buf: l.buf, Off: uint32(off), Len: uint32(n)}
	l.buf.Retain(1)
	for !l.fits(n) || !l.in.Offer(it) {
		if err := l.awaitRoom(ctx, n); err != nil {
			l.buf.Release(1)
			return err
		}
	}
	l.sent += int64(n)
	l.used = off + n
	return nil
}

// awaitRoom waits until the routing thread, which is awake, for it was woken by what
// it has not taken yet, leaves room for n more bytes.
func (l *LocalClient) awaitRoom(ctx context.Context, n int) error {
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, l.room.Notify)()
	}
	err := l.room.Wait(l.ctx, func() bool {
		return l.b.ending.Load() || ctx.Err() != nil || l.in.Len() < localRing && l.fits(n)
	})
	if err != nil || l.b.ending.Load() {
		return bus.ErrClosed
	}
	return ctx.Err()
}

// fits reports whether n more bytes may be on their way.
func (l *LocalClient) fits(n int) bool {
	if l.sent-l.seen+int64(n) <= l.maxBytes {
		return true
	}
	l.seen = l.taken.Load()
	return l.sent == l.seen || l.sent-l.seen+int64(n) <= l.maxBytes
}

// Publisher implements Bus.
func (l *LocalClient) Publisher(topic string) (bus.Publisher, error) {
	return l.PublisherOf(bus.Outgoing{Topic: topic})
}

// PublisherOf implements Bus.
func (l *LocalClient) PublisherOf(m bus.Outgoing) (bus.Publisher, error) {
	t, err := endpoint.PublishTemplate(&m)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &localPublisher{l, t}, nil
}

type localPublisher struct {
	l *LocalClient
	t frame.Template
}

func (p *localPublisher) Publish(payload []byte) error { return p.PublishMeta(payload, nil) }

func (p *localPublisher) PublishMeta(payload, extension []byte) error {
	l := p.l
	n := p.t.Size(extension, payload)
	if err := l.checkSize(n, len(extension)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	off, err := l.reserve(n)
	if err != nil {
		return err
	}
	l.messages++
	p.t.Append(l.buf.B[off:off:len(l.buf.B)], endpoint.PublishID|l.messages, bus.Now(), extension, payload)
	return l.pass(context.Background(), off, n)
}

// Publish implements Bus.
func (l *LocalClient) Publish(ctx context.Context, m bus.Outgoing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := endpoint.PublishFields(&m)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	f.ID = endpoint.PublishID
	if err := l.send(ctx, &f); err != nil {
		return fmt.Errorf("publish on %q: %w", m.Topic, err)
	}
	return nil
}
