package inproc

import (
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// send encodes and sends a frame.
func (l *Client) send(ctx context.Context, f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	if err := l.checkSize(n, len(f.Extension)); err != nil {
		return err
	}
	off, err := l.lockRoom(ctx, n)
	if err != nil {
		return err
	}
	if _, err := frame.Append(l.buf.B[off:off:len(l.buf.B)], f); err != nil {
		l.mu.Unlock()
		return err
	}
	return l.pass(ctx, off, n)
}

func (l *Client) checkSize(n, extension int) error {
	if n > l.maxFrame {
		return &bus.LimitError{Limit: "max_message_size", Max: int64(l.maxFrame), Got: int64(n)}
	}
	if extension > frame.MaxExtension {
		return &bus.LimitError{Limit: "max_extension", Max: frame.MaxExtension, Got: int64(extension)}
	}
	return nil
}

// lockRoom waits until n more bytes may be on their way. It then locks mu and returns the
// offset in buf for them. No goroutine holds mu while it waits, so that each wait ends with
// its own context.
func (l *Client) lockRoom(ctx context.Context, n int) (off int, err error) {
	l.mu.Lock()
	for !l.fits(n) && !l.ended() {
		if err := l.awaitTaken(ctx, l.seen); err != nil {
			l.mu.Unlock()
			return 0, err
		}
	}
	if l.ended() {
		l.mu.Unlock()
		return 0, bus.ErrClosed
	}
	if l.buf == nil || len(l.buf.B)-l.used < n {
		if l.buf != nil {
			l.buf.Release(1)
		}
		l.buf, l.used = l.b.Pool().Get(max(n, bufferSize)), 0
		l.buf.B = l.buf.B[:cap(l.buf.B)]
	}
	return l.used, nil
}

// pass hands the frame at off to the routing thread and unlocks mu. If the ring is full, it
// waits.
func (l *Client) pass(ctx context.Context, off, n int) error {
	defer l.mu.Unlock()
	it := queue.Item{Buf: l.buf, Off: uint32(off), Len: uint32(n)}
	it.Buf.Retain(1)
	l.used = off + n
	for taken := l.taken.Load(); !l.in.Offer(it); taken = l.taken.Load() {
		err := l.awaitTaken(ctx, taken)
		if err == nil && l.ended() {
			err = bus.ErrClosed
		}
		if err != nil {
			it.Buf.Release(1)
			return err
		}
	}
	l.sent += int64(n)
	return nil
}

// ended reports whether publishing has ended. The caller holds mu.
func (l *Client) ended() bool { return l.closed || l.b.Ending() }

// awaitTaken waits until l.taken differs from taken, which means that the routing thread has
// taken more messages. The routing thread is awake, because the messages that it has not
// taken yet have woken it. One goroutine at a time waits for the routing thread, and the
// others wait for that goroutine. The caller holds mu; awaitTaken unlocks it for the wait.
func (l *Client) awaitTaken(ctx context.Context, taken int64) error {
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case l.waiter <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ctx.Done():
		return bus.ErrClosed
	}
	defer func() { <-l.waiter }()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, l.room.Notify)()
	}
	err := l.room.Wait(l.ctx, func() bool {
		return l.b.Ending() || ctx.Err() != nil || l.taken.Load() != taken
	})
	if err != nil || l.b.Ending() {
		return bus.ErrClosed
	}
	return ctx.Err()
}

// fits reports whether n more bytes may be on their way.
func (l *Client) fits(n int) bool {
	if l.sent-l.seen+int64(n) <= l.maxBytes {
		return true
	}
	l.seen = l.taken.Load()
	return l.sent == l.seen || l.sent-l.seen+int64(n) <= l.maxBytes
}

// Publisher implements Bus.
func (l *Client) Publisher(topic string) (bus.Publisher, error) {
	return l.PublisherOf(bus.Outgoing{Topic: topic})
}

// PublisherOf implements Bus.
func (l *Client) PublisherOf(m bus.Outgoing) (bus.Publisher, error) {
	t, err := endpoint.PublishTemplate(&m)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &publisher{l, t}, nil
}

type publisher struct {
	l *Client
	t frame.Template
}

func (p *publisher) Publish(payload []byte) error { return p.PublishMeta(payload, nil) }

func (p *publisher) PublishMeta(payload, extension []byte) error {
	return p.publish(context.Background(), payload, extension)
}

func (p *publisher) publish(ctx context.Context, payload, extension []byte) error {
	l := p.l
	n := p.t.Size(extension, payload)
	if err := l.checkSize(n, len(extension)); err != nil {
		return err
	}
	off, err := l.lockRoom(ctx, n)
	if err != nil {
		return err
	}
	l.messages++
	p.t.Append(l.buf.B[off:off:len(l.buf.B)], endpoint.PublishID|l.messages, bus.Now(), extension, payload)
	return l.pass(ctx, off, n)
}

// Publish implements Bus.
func (l *Client) Publish(ctx context.Context, m bus.Outgoing) error {
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

// PublishConfirmed implements Bus. The message does not go through the client's ring: a
// call routes it, behind all that the client has sent before.
func (l *Client) PublishConfirmed(ctx context.Context, m bus.Outgoing) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f, err := endpoint.PublishFields(&m)
	if err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	if err := l.checkSize(frame.HeaderSize+len(f.Topic)+len(f.Extension)+len(f.Payload), len(f.Extension)); err != nil {
		return 0, fmt.Errorf("publish on %q: %w", m.Topic, err)
	}
	message, err := frame.Append(nil, &f) // a copy, because the caller may use the payload when ctx ends first
	matched := 0
	if err == nil {
		err = l.call(ctx, func() (err error) {
			matched, err = l.session.PublishConfirmed(message)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("publish on %q: %w", m.Topic, err) // matched may be being written
	}
	return matched, nil
}
