package inproc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/thread"
)

// Client is an in-process client. It publishes through a ring of its own, from which
// the routing thread takes messages. Its subscribers dequeue messages on the goroutine that
// consumes them. If a publisher is faster than the routing thread, it waits, as it would
// wait for a socket. A publisher never waits for a subscriber.
//
// The routing thread takes no lock that a publisher holds. The two exchange data only
// through the ring, through atomics, and through posted calls.
type Client struct {
	b        *broker.Broker
	calls    *thread.Calls
	in       *ring.Ring[queue.Item]
	requests endpoint.Requester
	resp     endpoint.Responders

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
	maxFrame int            // constant

	taken atomic.Int64 // of sent; written by the routing thread

	// owned by the routing thread; when that has ended, by Close
	session *broker.Session
	rest    []queue.Item // claimed of in, and not routed
	frames  uint64       // routed in all

	listening atomic.Bool // the inbox has its goroutine
	parts     parts
	inbox     sync.Mutex      // held by the consumer of the inbox
	abandoned context.Context // ends when Close gives the routing thread up
	abandon   context.CancelFunc
	ctx       context.Context
	cancel    context.CancelFunc // by Close
	gone      chan struct{}      // closed when Close is done
}

const (
	// ringLength and ringBytes bound the messages on their way to the routing thread; a
	// single message may be larger. No eviction can free this memory, so with a small
	// MaxMemory the bound is lower.
	ringLength = 1024
	ringBytes  = 1 << 20
	ringShare  = 16 // of MaxMemory

	// bufferSize is the size of the buffers into which a client writes frames.
	bufferSize = 64 << 10
)

// New returns an in-process client of b. It may be used before Run. It can then publish
// until its ring is full, and calls that need an answer wait for Run. If authorize is not
// nil, it decides what the client may do. Close the client when done.
func New(b *broker.Broker, who bus.Identity, authorize bus.Authorize) *Client {
	o := b.Options()
	l := &Client{
		b: b, calls: b.Calls(),
		in:   ring.NewWithOptions(ring.Options[queue.Item]{Capacity: ringLength, Signal: b.Signal()}),
		room: ring.NewSignal(), waiter: make(chan struct{}, 1),
		gone: make(chan struct{}),

		maxBytes: min(ringBytes, o.MaxMemory/ringShare), maxFrame: o.MaxMessageSize,
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.abandoned, l.abandon = context.WithCancel(context.Background())
	l.requests = endpoint.Requester{Send: l.send, MaxFrame: o.MaxMessageSize, MaxOpen: o.MaxRequests}
	l.resp = endpoint.Responders{Send: func(f *frame.Fields) error { return l.send(l.ctx, f) }}
	attached := b.Post(func() { l.session = b.AttachLocal(who, l, authorize) })
	if !attached {
		l.cancel()
		l.abandon()
		l.requests.Close(bus.ErrClosed)
		l.closed = true
		close(l.gone)
	}
	return l
}

// Take implements broker.Input.
func (l *Client) Take() (worked bool) {
	l.session.BeginTurn()
	return l.take() > 0 || l.Waiting() > 0
}

// Waiting implements broker.Input.
func (l *Client) Waiting() int { return len(l.rest) + l.in.Len() }

// take routes frames that the client has sent, and returns how many. It ends after about
// as many frames as the ring holds, or after a turn's work, so that other clients do not
// wait long.
func (l *Client) take() (n int) {
	for n < ringLength && !l.spent() {
		if len(l.rest) == 0 {
			if l.rest = l.in.Claim(queue.ClaimSize).Items; len(l.rest) == 0 {
				break
			}
		}
		n += l.takePart()
	}
	if len(l.rest) == 0 {
		l.in.Release()
	}
	if n > 0 {
		l.room.Notify()
	}
	return n
}

// takePart routes frames that were claimed from the ring, until the client's work of this
// turn is used up.
func (l *Client) takePart() (n int) {
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
		if l.b.MustWriteFirst() {
			l.b.WriteFirst()
		}
	}
	l.b.EndBatch()
	queue.ReleaseItems(l.rest[:n])
	l.rest = l.rest[n:]
	l.frames += uint64(n)
	l.taken.Store(l.taken.Load() + size)
	return n
}

// spent reports whether the client's work of this turn is used up. When the broker ends,
// there is no later turn.
func (l *Client) spent() bool { return l.session.Spent() && !l.b.Ending() }

// afterSent returns a call for the routing thread. It runs f when everything has been routed
// that l had sent when the call first ran, and l has work left. That may take several turns.
func (l *Client) afterSent(f func()) func() bool {
	var end uint64 // of what had been sent
	return func() bool {
		if end == 0 {
			end = l.frames + uint64(l.Waiting())
		}
		l.take()
		if l.frames < end || l.spent() {
			return false
		}
		f()
		return true
	}
}

// call runs f on the routing thread, when everything has been routed that this client had sent
// before. Close ends the wait.
func (l *Client) call(ctx context.Context, f func() error) error {
	var inner error
	run := l.afterSent(func() { inner = f() })
	err := l.calls.DoUntil(ctx, l.ctx.Done(), func() bool {
		if l.session.Closed() || l.ctx.Err() != nil {
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
func (l *Client) Push() error {
	if l.ctx.Err() != nil {
		return bus.ErrClosed
	}
	return nil
}

// Flush implements Bus.
func (l *Client) Flush(ctx context.Context) error {
	return l.call(ctx, func() error { return nil })
}

// Drain implements Bus.
func (l *Client) Drain(ctx context.Context) error {
	var open []*subscription
	err := l.requests.Wait(ctx)
	if err == nil {
		err = l.call(ctx, func() error {
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
func (l *Client) Close() error {
	l.close(closeTimeout)
	return nil
}

func (l *Client) close(patience time.Duration) {
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
	if !l.b.Running() {
		l.calls.PostUntil(l.afterSent(l.end)) // Run, if it is called later, routes what was published
	} else if err := l.calls.DoWithin(patience, l.afterSent(l.end)); errors.Is(err, bus.ErrClosed) {
		<-l.calls.Stopped()
		l.releaseRing()
	}
	for _, s := range l.parts.close() { // none if the routing thread has run l.end
		s.Abandon()
	}
	l.abandon()
	l.requests.Close(bus.ErrClosed)
	l.parts.workers.Wait()
}

// end removes the client. The routing thread calls it when everything has been routed that
// was published before Close.
func (l *Client) end() {
	for _, s := range l.parts.all() {
		s.end()
	}
	l.session.Close()
	l.discardInbox(l.session.Inbox())
}

// releaseRing releases the frames that the routing thread had not taken when it ended.
func (l *Client) releaseRing() {
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
