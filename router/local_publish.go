package router

import (
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// send encodes and sends a frame.
func (l *Local) send(ctx context.Context, f *frame.Fields) error {
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

func (l *Local) checkSize(n, extension int) error {
	if n > l.b.opts.MaxMessageSize {
		return &LimitError{"max_message_size", int64(l.b.opts.MaxMessageSize), int64(n)}
	}
	if extension > frame.MaxExtension {
		return &LimitError{"max_extension", frame.MaxExtension, int64(extension)}
	}
	return nil
}

// reserve makes room for n bytes in buf and returns where. mu is held.
func (l *Local) reserve(n int) (off int, err error) {
	if l.closed || l.b.ending.Load() {
		return 0, ErrClosed
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
func (l *Local) pass(ctx context.Context, off, n int) error {
	it := Item{Buf: l.buf, Off: uint32(off), Len: uint32(n)}
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
func (l *Local) awaitRoom(ctx context.Context, n int) error {
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, l.room.Notify)()
	}
	err := l.room.Wait(l.ctx, func() bool {
		return l.b.ending.Load() || ctx.Err() != nil || l.in.Len() < localRing && l.fits(n)
	})
	if err != nil || l.b.ending.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// fits reports whether n more bytes may be on their way.
func (l *Local) fits(n int) bool {
	if l.sent-l.seen+int64(n) <= l.maxBytes {
		return true
	}
	l.seen = l.taken.Load()
	return l.sent == l.seen || l.sent-l.seen+int64(n) <= l.maxBytes
}

// Publisher implements Bus.
func (l *Local) Publisher(topic string) (Publisher, error) {
	return l.PublisherOf(Outgoing{Topic: topic})
}

// PublisherOf implements Bus.
func (l *Local) PublisherOf(m Outgoing) (Publisher, error) {
	t, err := PublishTemplate(&m)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &localPublisher{l, t}, nil
}

// CheckPublishTopic checks a topic that a client wants to publish on.
func CheckPublishTopic(topic string) error {
	if err := frame.CheckTopic(topic); err != nil {
		return fmt.Errorf("topic %q: %w", topic, err)
	}
	if isSystem(topic) {
		return fmt.Errorf("topic %q: %w", topic, ErrReserved)
	}
	return nil
}

type localPublisher struct {
	l *Local
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
	p.t.Append(l.buf.B[off:off:len(l.buf.B)], PublishID|l.messages, Now(), extension, payload)
	return l.pass(context.Background(), off, n)
}

// PublishID is the bit that tells the ids of publish frames from those of
// requests and subscriptions, so that an error frame names one thing only.
const PublishID = 1 << 63

// PublishTemplate checks m and encodes what frames for messages like it begin
// with.
func PublishTemplate(m *Outgoing) (frame.Template, error) {
	f, err := PublishFields(m)
	if err != nil {
		return nil, err
	}
	return frame.NewTemplate(&f)
}

// PublishFields checks m's topic and returns the frame for it, without its id.
func PublishFields(m *Outgoing) (frame.Fields, error) {
	if err := CheckPublishTopic(m.Topic); err != nil {
		return frame.Fields{}, err
	}
	f := frame.Fields{
		Type: frame.TypePublish, Priority: m.Priority, Content: m.Content, Topic: m.Topic,
		Extension: m.Extension, Payload: m.Payload, Time: Now(),
	}
	if m.Priority == 0 {
		f.Priority = frame.NormalPriority
	}
	if m.Retain {
		f.Flags = frame.FlagRetain
	}
	return f, nil
}

// Publish implements Bus.
func (l *Local) Publish(ctx context.Context, m Outgoing) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := PublishFields(&m)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	f.ID = PublishID
	if err := l.send(ctx, &f); err != nil {
		return fmt.Errorf("publish on %q: %w", m.Topic, err)
	}
	return nil
}
