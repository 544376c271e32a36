package router

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// Local is the in-process client. What it publishes goes through a ring of its
// own to the routing thread; its subscribers take from their queues on the
// goroutine that consumes. A publisher that is faster than the routing thread
// waits for it, as a socket would make it wait; it never waits for a subscriber.
type Local struct {
	b     *Broker
	port  *Port // set once by attach
	in    *ring.Ring[Item]
	calls Calls
	resp  Responders

	mu       sync.Mutex
	buf      *frame.Buffer // guarded by mu; frames are written into it
	used     int           // guarded by mu; of buf
	closed   bool          // guarded by mu
	messages uint64        // guarded by mu; numbers publish frames

	subs    map[*localSub]struct{} // guarded by mu
	listens bool                   // guarded by mu; the inbox has its goroutine

	stopped atomic.Bool
	workers sync.WaitGroup // goroutines of the inbox and of handlers
	ctx     context.Context
	cancel  context.CancelFunc
}

// localRing is how many messages may be on their way to the routing thread.
const localRing = 1024

const localBuffer = 64 << 10

// Client returns an in-process client of the broker, called name. It may be used
// before Run, but calls that need an answer wait for it. Close it when done.
func (b *Broker) Client(name string) *Local {
	return b.ClientAs(Identity{Name: name}, nil)
}

// ClientAs is Client with an identity and, where not nil, a policy.
func (b *Broker) ClientAs(who Identity, authorize Authorize) *Local {
	l := &Local{
		b:  b,
		in: ring.NewWithOptions(ring.Options[Item]{Capacity: localRing, Signal: b.signal}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.calls = Calls{Send: l.send, MaxPayload: b.opts.MaxMessageSize}
	l.resp = Responders{Send: l.send}
	attached := b.post(func() {
		if l.stopped.Load() {
			return
		}
		l.port = b.attach(who, localSink{l}, authorize, frame.FlagCompressed, true)
		b.locals = append(b.locals, l)
	})
	if !attached {
		l.calls.Close(ErrClosed)
		l.closed = true
	}
	return l
}

// takeLocals routes what in-process clients have sent.
func (b *Broker) takeLocals() (worked bool) {
	for _, l := range b.locals {
		// A bound for each turn: one client must not keep the others waiting.
		for taken := 0; taken < localRing; {
			batch := l.in.Claim(ClaimSize)
			if len(batch.Items) == 0 {
				break
			}
			worked = true
			taken += len(batch.Items)
			for i := range batch.Items {
				it := &batch.Items[i]
				f := it.Frame()
				if err := l.port.Handle(it.Buf, int(it.Off), f); err != nil {
					l.port.Refuse(f.ID(), err)
				}
			}
			b.endRun()
			ReleaseItems(batch.Items)
		}
		l.in.Release()
	}
	return worked
}

// ClaimSize is the most messages that one Take yields.
const ClaimSize = 64

// send encodes and sends a frame.
func (l *Local) send(f *frame.Fields) error {
	n := frame.HeaderSize + len(f.Topic) + len(f.Extension) + len(f.Payload)
	return l.write(n, func(dst []byte) ([]byte, error) { return frame.Append(dst, f) })
}

// write has build append one frame of n bytes, and passes it on.
func (l *Local) write(n int, build func([]byte) ([]byte, error)) error {
	if n > l.b.opts.MaxMessageSize {
		return &LimitError{"max_message_size", int64(l.b.opts.MaxMessageSize), int64(n)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	off, err := l.reserve(n)
	if err != nil {
		return err
	}
	if _, err := build(l.buf.B[off:off:len(l.buf.B)]); err != nil {
		return err
	}
	return l.pass(off, n)
}

// reserve makes room for n bytes in buf and returns where. mu is held.
func (l *Local) reserve(n int) (off int, err error) {
	if l.closed {
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

// pass hands the frame at off to the routing thread. mu is held.
func (l *Local) pass(off, n int) error {
	l.buf.Retain(1)
	it := Item{Buf: l.buf, Off: uint32(off), Len: uint32(n)}
	for !l.in.Offer(it) {
		select {
		case <-l.b.done:
			l.buf.Release(1)
			return ErrClosed
		default:
			runtime.Gosched() // the routing thread takes what is there in its next turn
		}
	}
	l.used = off + n
	return nil
}

// Publisher implements Bus.
func (l *Local) Publisher(topic string) (Publisher, error) {
	if err := CheckPublishTopic(topic); err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Priority: frame.NormalPriority, Topic: topic})
	if err != nil {
		return nil, fmt.Errorf("publisher %q: %w", topic, err)
	}
	return &localPublisher{l, t}, nil
}

// CheckPublishTopic checks a topic that a client wants to publish on.
func CheckPublishTopic(topic string) error {
	if err := frame.CheckTopic(topic); err != nil {
		return fmt.Errorf("topic %q: %w", topic, err)
	}
	if topic == systemTopic || len(topic) > len(systemTopic) && topic[:len(systemTopic)+1] == systemTopic+"." {
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
	if n > l.b.opts.MaxMessageSize || len(extension) > frame.MaxExtension {
		return &LimitError{"max_message_size", int64(l.b.opts.MaxMessageSize), int64(n)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	off, err := l.reserve(n)
	if err != nil {
		return err
	}
	l.messages++
	p.t.Append(l.buf.B[off:off:len(l.buf.B)], PublishID|l.messages, Now(), extension, payload)
	return l.pass(off, n)
}

// PublishID is the bit that tells the ids of publish frames from those of
// requests and subscriptions, so that an error frame names one thing only.
const PublishID = 1 << 63

// PublishFields checks m and returns the frame for it, without its id.
func PublishFields(m *Outgoing) (frame.Fields, error) {
	if err := CheckPublishTopic(m.Topic); err != nil {
		return frame.Fields{}, fmt.Errorf("publish: %w", err)
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
		return err
	}
	f.ID = PublishID
	return l.send(&f)
}

// Request implements Bus.
func (l *Local) Request(ctx context.Context, target string, body []byte) (Reply, error) {
	if err := l.start(ctx); err != nil {
		return Reply{}, err
	}
	return l.calls.Request(ctx, target, body)
}

// start runs the goroutine that reads the inbox, once.
func (l *Local) start(ctx context.Context) error {
	return l.do(ctx, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed {
			return ErrClosed
		}
		if !l.listens {
			l.listens = true
			l.workers.Add(1)
			go l.readInbox(&l.port.inbox.Queue) // Close waits for it
		}
		return nil
	})
}

func (l *Local) readInbox(q *Queue) {
	defer l.workers.Done()
	for {
		t, ok := q.Take(consumeBatch)
		if !ok {
			if q.Wait(l.ctx) != nil {
				return
			}
			continue
		}
		size := 0
		for i := range t.Items {
			f := t.Items[i].Frame()
			size += len(f)
			if f.Type() == frame.TypeCancel {
				l.resp.Cancel(f)
			} else {
				l.calls.Answer(f)
			}
		}
		q.Delivered(t.Lane, len(t.Items), uint64(size))
		ReleaseItems(t.Items)
	}
}

// do runs f on the routing thread, with the port attached.
func (l *Local) do(ctx context.Context, f func() error) error {
	var inner error
	err := l.b.do(ctx, func() {
		if l.port == nil || l.port.closed {
			inner = ErrClosed
			return
		}
		inner = f()
	})
	if err != nil {
		return err
	}
	return inner
}

// Flush implements Bus. What was published before is ahead of it in the ring,
// and the routing thread empties the rings before it takes calls.
func (l *Local) Flush(ctx context.Context) error {
	return l.do(ctx, func() error { return nil })
}
