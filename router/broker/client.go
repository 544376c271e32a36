package broker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// LocalClient is the in-process client. It publishes through a ring of its own, from which
// the routing thread takes messages. Its subscribers dequeue messages on the goroutine that
// consumes them. If a publisher is faster than the routing thread, it waits, as it would
// wait for a socket. A publisher never waits for a subscriber.
//
// The routing thread takes no lock that a publisher holds. The two exchange data only
// through the ring, through atomics, and through posted calls.
type LocalClient struct {
	b     *Broker
	in    *ring.Ring[queue.Item]
	calls endpoint.Requester
	resp  endpoint.Responders

	mu       sync.Mutex
	buf      *buffer.Buffer // guarded by mu; frames are written into it
	used     int            // guarded by mu; of buf
	messages uint64         // guarded by mu; numbers publish frames
	sent     int64          // guarded by mu; bytes passed on
	seen     int64          // guarded by mu; the last value read from taken
	closed   bool           // guarded by mu
	room     *ring.Signal   // where the goroutine that has waiter waits for the routing thread
	waiter   chan struct{}  // holds a token while one goroutine waits for room
	maxBytes int64          // of sent that taken is behind; constant

	taken atomic.Int64 // of sent; written by the routing thread

	// owned by the routing thread; when that has ended, by Close
	session *Session
	rest    []queue.Item // claimed of in, and not routed
	frames  uint64       // routed in all

	listening atomic.Bool // the inbox has its goroutine
	parts     clientParts
	inbox     sync.Mutex      // held by the consumer of the inbox
	abandoned context.Context // ends when Close gives the routing thread up
	abandon   context.CancelFunc
	ctx       context.Context
	cancel    context.CancelFunc // by Close
	gone      chan struct{}      // closed when Close is done
}

const (
	// localRing and localBytes bound the messages on their way to the routing thread; a
	// single message may be larger. No eviction can free this memory, so with a small
	// MaxMemory the bound is lower.
	localRing  = 1024
	localBytes = 1 << 20
	localShare = 16 // of MaxMemory

	// localBuffer is the size of the buffers into which a client writes frames.
	localBuffer = 64 << 10
)

// Client returns an in-process client of the broker, called name. It may be used before
// Run. It can then publish until its ring is full, and calls that need an answer wait for
// Run. Close it when done.
func (b *Broker) Client(name string) *LocalClient {
	return b.ClientAs(bus.Identity{Name: name}, nil)
}

// ClientAs is Client with an identity and with a policy, which may be nil.
func (b *Broker) ClientAs(who bus.Identity, authorize bus.Authorize) *LocalClient {
	l := &LocalClient{
		b:    b,
		in:   ring.NewWithOptions(ring.Options[queue.Item]{Capacity: localRing, Signal: b.signal}),
		room: ring.NewSignal(), waiter: make(chan struct{}, 1),
		gone: make(chan struct{}),

		maxBytes: min(localBytes, b.opts.MaxMemory/localShare),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.abandoned, l.abandon = context.WithCancel(context.Background())
	l.calls = endpoint.Requester{Send: l.send, MaxFrame: b.opts.MaxMessageSize, MaxOpen: b.opts.MaxRequests}
	l.resp = endpoint.Responders{Send: func(f *frame.Fields) error { return l.send(l.ctx, f) }}
	attached := b.post(func() {
		l.session = b.attach(who, localSink{}, authorize, frame.FlagCompressed, true)
		b.clients = append(b.clients, l)
	})
	if !attached {
		l.cancel()
		l.abandon()
		l.calls.Close(bus.ErrClosed)
		l.closed = true
		close(l.gone)
	}
	return l
}

// takeClients begins a turn for each in-process client and routes what it has sent. Another
// client is first each time.
func (b *Broker) takeClients() (worked bool) {
	n := len(b.clients)
	for i := range n {
		l := b.clients[(b.turn+i)%n]
		l.session.BeginTurn()
		worked = b.takeFrom(l) > 0 || worked || l.waiting() > 0
	}
	if worked {
		b.turn = (b.turn + 1) % n
	}
	return worked
}

// takeFrom routes frames that l has sent, and returns how many. It ends after about as many
// frames as l's ring holds, or after a turn's work, so that other clients do not wait long.
func (b *Broker) takeFrom(l *LocalClient) (n int) {
	for n < localRing && !l.spent() {
		if len(l.rest) == 0 {
			if l.rest = l.in.Claim(queue.ClaimSize).Items; len(l.rest) == 0 {
				break
			}
		}
		n += b.takePart(l)
	}
	if len(l.rest) == 0 {
		l.in.Release()
	}
	if n > 0 {
		l.room.Notify()
	}
	return n
}

// takePart routes frames that were claimed from l's ring, until l's work of this turn is
// used up.
func (b *Broker) takePart(l *LocalClient) (n int) {
	size := int64(0)
	for n < len(l.rest) && !l.spent() {
		it := &l.rest[n]
		n++
		size += int64(it.Len)
		f := it.Frame()
		// The refusal of a publish is only counted, because no call waits for it.
		if err := l.session.Handle(it.Buf, int(it.Off), f); err != nil && f.ID()&endpoint.PublishID == 0 {
			l.session.Refuse(f.ID(), err)
		}
		if len(b.pressed) > 0 {
			b.drainPressed()
		}
	}
	b.EndBatch()
	queue.ReleaseItems(l.rest[:n])
	l.rest = l.rest[n:]
	l.frames += uint64(n)
	l.taken.Store(l.taken.Load() + size)
	return n
}

// spent reports whether l's work of this turn is used up.
func (l *LocalClient) spent() bool { return l.session.Spent() && !l.b.unlimited }

// waiting returns how many frames l has sent that were not routed. Routing thread only.
func (l *LocalClient) waiting() int { return len(l.rest) + l.in.Len() }

// afterSent returns a call for the routing thread. It runs f when everything has been routed
// that l had sent when the call first ran, and l has work left. That may take several turns.
func (l *LocalClient) afterSent(f func()) func() bool {
	var end uint64 // of what had been sent
	return func() bool {
		if end == 0 {
			end = l.frames + uint64(l.waiting())
		}
		l.b.takeFrom(l)
		if l.frames < end || l.spent() {
			return false
		}
		f()
		return true
	}
}

// do runs f on the routing thread, when everything has been routed that this client had sent
// before. Close ends the wait.
func (l *LocalClient) do(ctx context.Context, f func() error) error {
	var inner error
	run := l.afterSent(func() { inner = f() })
	err := l.b.doUntil(ctx, l.ctx.Done(), func() bool {
		if l.session.closed || l.ctx.Err() != nil {
			inner = bus.ErrClosed
			return true
		}
		return run()
	})
	if err != nil {
		return err // f may still be running
	}
	return inner
}

// Push implements Bus. There is nothing to send, because messages are in the ring already.
func (l *LocalClient) Push() error {
	if l.ctx.Err() != nil {
		return bus.ErrClosed
	}
	return nil
}

// Flush implements Bus.
func (l *LocalClient) Flush(ctx context.Context) error {
	return l.do(ctx, func() error { return nil })
}

// Drain implements Bus.
func (l *LocalClient) Drain(ctx context.Context) error {
	var open []*localSubscription
	err := l.calls.Wait(ctx)
	if err == nil {
		err = l.do(ctx, func() error {
			l.session.Finish()
			open = l.parts.all()
			return nil
		})
	}
	if err == nil {
		for _, s := range open {
			if err = s.drained(ctx); err != nil {
				break
			}
		}
	}
	patience := closeTimeout
	if ctx.Err() != nil {
		patience = 0
	}
	l.close(patience)
	return err
}

// closeTimeout is how long Close waits for a routing thread that runs no calls. The thread
// does the rest of the work when it goes on.
const closeTimeout = time.Second

// Close implements Bus.
func (l *LocalClient) Close() error {
	l.close(closeTimeout)
	return nil
}

func (l *LocalClient) close(patience time.Duration) {
	l.cancel() // ends the waits for room too
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
		return
	}
	defer close(l.gone)
	if !l.b.running.Load() {
		l.b.postUntil(l.afterSent(l.end)) // Run, if it is called later, routes what was published
	} else if err := l.b.doWithin(patience, l.afterSent(l.end)); errors.Is(err, bus.ErrClosed) {
		<-l.b.done
		l.releaseRing()
	}
	for _, s := range l.parts.close() { // none if the routing thread has run l.end
		s.Abandon()
	}
	l.abandon()
	l.calls.Close(bus.ErrClosed)
	l.parts.workers.Wait()
}

// end removes the client. The routing thread calls it when everything has been routed that
// was published before Close.
func (l *LocalClient) end() {
	for _, s := range l.parts.all() {
		s.end()
	}
	l.session.Close()
	l.discardInbox(&l.session.inbox.Queue)
	l.b.clients = slices.DeleteFunc(l.b.clients, func(x *LocalClient) bool { return x == l })
}

// releaseRing releases the frames that the routing thread had not taken when it ended.
func (l *LocalClient) releaseRing() {
	queue.ReleaseItems(l.rest)
	l.rest = nil
	for {
		batch := l.in.Claim(queue.ClaimSize)
		if len(batch.Items) == 0 {
			l.in.Release()
			return
		}
		queue.ReleaseItems(batch.Items)
	}
}

// localSink is the sink of an in-process client's session. It writes nothing, because
// consumers dequeue messages on goroutines of their own.
type localSink struct{}

// Drain implements Sink.
func (localSink) Drain(p *Session) {
	for _, sub := range p.queued {
		sub.isReady = false
	}
	p.queued = p.queued[:0]
}

// Disconnect implements Sink; the broker ends in-process subscriptions itself.
func (localSink) Disconnect(frame.Code, string) {}

// Tick implements Sink.
func (localSink) Tick(int64) {}
