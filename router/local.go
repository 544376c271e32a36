package router

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// Local is the in-process client. What it publishes goes through a ring of its
// own to the routing thread; its subscribers take from their queues on the
// goroutine that consumes. A publisher that is faster than the routing thread
// waits for it, as a socket would make it wait; it never waits for a subscriber.
//
// The routing thread takes no lock that a publisher holds: what both need to
// know of each other goes through the ring, and through calls.
type Local struct {
	b     *Broker
	in    *ring.Ring[Item]
	calls Calls
	resp  Responders

	mu       sync.Mutex
	buf      *frame.Buffer // guarded by mu; frames are written into it
	used     int           // guarded by mu; of buf
	messages uint64        // guarded by mu; numbers publish frames
	sent     int64         // guarded by mu; bytes passed on
	seen     int64         // guarded by mu; what taken was when last looked at
	closed   bool          // guarded by mu
	room     *ring.Signal  // where the holder of mu waits for the routing thread
	maxBytes int64         // of sent that taken is behind; constant

	taken atomic.Int64 // of sent; written by the routing thread

	// owned by the routing thread; when that has ended, by Close
	port *Port
	subs map[*localSub]struct{}

	listening atomic.Bool    // the inbox has its goroutine
	workers   sync.WaitGroup // the goroutines of the inbox, of handlers and responders
	ctx       context.Context
	cancel    context.CancelFunc // by Close
	gone      chan struct{}      // closed when Close is done
}

const (
	// localRing and localBytes bound what may be on its way to the routing
	// thread; a single message may be larger than that. It counts as memory that
	// no queue can give back, so with little memory it is less.
	localRing  = 1024
	localBytes = 1 << 20
	localShare = 16 // of MaxMemory

	// localBuffer is how much memory for frames a client takes at a time.
	localBuffer = 64 << 10
)

// ClaimSize is the most messages that one Take yields.
const ClaimSize = 64

// Client returns an in-process client of the broker, called name. It may be used
// before Run: then it publishes as much as may be on its way, and what needs an
// answer waits for Run. Close it when done.
func (b *Broker) Client(name string) *Local {
	return b.ClientAs(Identity{Name: name}, nil)
}

// ClientAs is Client with an identity and, where not nil, a policy.
func (b *Broker) ClientAs(who Identity, authorize Authorize) *Local {
	l := &Local{
		b:    b,
		in:   ring.NewWithOptions(ring.Options[Item]{Capacity: localRing, Signal: b.signal}),
		room: ring.NewSignal(),
		subs: make(map[*localSub]struct{}),
		gone: make(chan struct{}),

		maxBytes: min(localBytes, b.opts.MaxMemory/localShare),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.calls = Calls{Send: l.send, MaxPayload: b.opts.MaxMessageSize, MaxOpen: b.opts.MaxRequests}
	l.resp = Responders{Send: func(f *frame.Fields) error { return l.send(l.ctx, f) }}
	attached := b.post(func() {
		l.port = b.attach(who, localSink{}, authorize, frame.FlagCompressed, true)
		b.locals = append(b.locals, l)
	})
	if !attached {
		l.cancel()
		l.calls.Close(ErrClosed)
		l.closed = true
		close(l.gone)
	}
	return l
}

// takeLocals routes what in-process clients have sent. Each is first in its turn.
func (b *Broker) takeLocals() (worked bool) {
	n := len(b.locals)
	for i := range n {
		worked = b.takeFrom(b.locals[(b.first+i)%n]) || worked
	}
	if worked {
		b.first = (b.first + 1) % n
	}
	return worked
}

// takeFrom routes what l has sent: at least all that was in its ring when it
// was called, and about as much at most, so that one client does not keep the
// others waiting.
func (b *Broker) takeFrom(l *Local) (worked bool) {
	for n := 0; n < localRing; {
		batch := l.in.Claim(ClaimSize)
		if len(batch.Items) == 0 {
			break
		}
		n += len(batch.Items)
		size := int64(0)
		for i := range batch.Items {
			it := &batch.Items[i]
			size += int64(it.Len)
			f := it.Frame()
			// Of a publish that was refused nobody waits to hear.
			if err := l.port.Handle(it.Buf, int(it.Off), f); err != nil && f.ID()&PublishID == 0 {
				l.port.Refuse(f.ID(), err)
			}
		}
		b.endRun()
		ReleaseItems(batch.Items)
		l.taken.Store(l.taken.Load() + size)
		worked = true
	}
	l.in.Release()
	if worked {
		l.room.Notify()
	}
	return worked
}

// do runs f on the routing thread, when all that this client sent before has
// been routed. Close ends the waiting.
func (l *Local) do(ctx context.Context, f func() error) error {
	var inner error
	err := l.b.do(ctx, l.ctx.Done(), func() {
		if l.port.closed || l.ctx.Err() != nil {
			inner = ErrClosed
			return
		}
		l.b.takeFrom(l)
		inner = f()
	})
	if err != nil {
		return err // f may still be running
	}
	return inner
}

// Flush implements Bus.
func (l *Local) Flush(ctx context.Context) error {
	return l.do(ctx, func() error { return nil })
}

// Drain implements Bus.
func (l *Local) Drain(ctx context.Context) error {
	var open []*localSub
	err := l.do(ctx, func() error {
		l.port.Finish()
		for s := range l.subs {
			open = append(open, s)
		}
		return nil
	})
	if err == nil {
		for _, s := range open {
			if err = s.drained(ctx); err != nil {
				break
			}
		}
	}
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	return err
}

// Close implements Bus.
func (l *Local) Close() error {
	l.cancel() // also whoever waits for room, and holds mu
	l.mu.Lock()
	again := l.closed
	l.closed = true
	if l.buf != nil {
		l.buf.Release(1)
		l.buf = nil
	}
	l.mu.Unlock()
	if again {
		<-l.gone
		return nil
	}
	defer close(l.gone)
	switch {
	case !l.b.running.Load():
		l.b.post(l.end) // nothing has begun; Run, if it comes, routes what was published
	case l.b.do(context.Background(), nil, l.end) != nil:
		<-l.b.done
		l.abandon()
	}
	l.calls.Close(ErrClosed)
	l.workers.Wait()
	return nil
}

// end removes the client, on the routing thread.
func (l *Local) end() {
	l.b.takeFrom(l) // what was published before Close is published
	for s := range l.subs {
		s.end()
	}
	l.port.Close()
	l.b.locals = slices.DeleteFunc(l.b.locals, func(x *Local) bool { return x == l })
}

// abandon releases what the routing thread, which has ended, left behind.
func (l *Local) abandon() {
	for s := range l.subs {
		s.Abandon()
	}
	for {
		batch := l.in.Claim(ClaimSize)
		if len(batch.Items) == 0 {
			l.in.Release()
			return
		}
		ReleaseItems(batch.Items)
	}
}

// localSink is the port's view of an in-process client. Consumers wake up by
// themselves, so there is nothing to write.
type localSink struct{}

// Drain implements Sink.
func (localSink) Drain(p *Port) {
	for _, sub := range p.ready {
		sub.Done()
	}
	p.ready = p.ready[:0]
}

// Disconnect implements Sink; the broker ends in-process subscriptions itself.
func (localSink) Disconnect(frame.Code, string) {}

// Tick implements Sink.
func (localSink) Tick(int64) {}
