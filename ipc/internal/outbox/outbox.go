package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// Outbox collects frames and writes them. There is one writer at a time: the goroutine
// that published, when it found no other writing, or the one in Run. While it writes
// others append, and what they appended is the next batch. Safe for concurrent use.
type Outbox struct {
	mu       sync.Mutex
	written  sync.Cond     // signalled when a write has ended
	lanes    [2][]byte     // guarded by mu; frames to write, urgent ones first
	spare    []byte        // guarded by mu; memory of a batch that was written
	partial  partialBatch  // guarded by mu; its batch belongs to the writer while writing
	maxSpare int           // guarded by mu; memory of larger batches is not kept
	backlog  int           // bytes kept without a connection; 0: no other connection will come
	messages int           // guarded by mu; in the bulk lane, without those that a failed write put back
	lastID   uint64        // guarded by mu; of the last message
	stamps   stamps        // guarded by mu
	pacing   pacing        // guarded by mu
	writes   atomic.Uint64 // how often something was written

	fd      int    // guarded by mu; -1 without a connection
	offset  int64  // guarded by mu; by which the clock of what waits is ahead: the last broker's
	writing bool   // guarded by mu; a goroutine is writing, and does not hold mu
	sealed  bool   // guarded by mu; the drain frame is appended, and nothing comes behind it
	closed  bool   // guarded by mu
	cutID   uint64 // guarded by mu; the message of which a failed write wrote only a part; 0: none
	// followUp has the writer go on with what was appended while it wrote: a push, or a
	// frame whose answer a call waits for, does not wait for the timer. Guarded by mu.
	followUp bool
}

const (
	// A batch of this size does not wait any longer: with what comes while it is written it
	// stays below maxBatch, which one read of the broker takes.
	batchSize = 192 << 10
	// Nor does one of so many messages wait, because the broker can begin with those. With
	// batchSize alone one to one at 128 bytes takes 5 to 9 % longer (BenchmarkPublish,
	// minima and medians of eight rounds in turn).
	batchCount  = 384
	maxBatch    = 256 << 10
	maxMaxSpare = 8 << 20 // memory of larger batches is left to the collector
)

// ErrDisconnected is returned for a frame that cannot be written while there is no
// connection, and cannot be kept until there is one again.
var ErrDisconnected = errors.New("not connected to the broker")

// New returns an outbox without a connection. budget is how long a message may wait for
// others; if it is 0, those of a dense stream wait for maxWait at most. Without a connection
// the outbox keeps up to backlog bytes of messages for the next one. The caller has a
// goroutine in Run until Close.
func New(budget time.Duration, backlog int) (*Outbox, error) {
	o := &Outbox{fd: -1, backlog: backlog}
	o.written.L = &o.mu
	if err := o.pacing.init(budget); err != nil {
		return nil, err
	}
	return o, nil
}

// Writes returns how often something was written.
func (o *Outbox) Writes() uint64 { return o.writes.Load() }

// BrokerNow returns the clock of the last connection's broker.
func (o *Outbox) BrokerNow() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return frame.Now() + o.offset
}

// reserve waits until n bytes may be appended to the lane. mu is held; appended lets
// go of it.
func (o *Outbox) reserve(ctx context.Context, lane bus.Lane, n int) error {
	for !o.hasRoom(lane) {
		switch {
		case o.closed || o.sealed:
			return bus.ErrClosed
		case o.fd < 0 && o.backlog == 0:
			return ErrDisconnected
		case o.fd < 0:
			if o.waiting()+n > o.backlog {
				return fmt.Errorf("%w, and %d bytes wait for that already", ErrDisconnected, o.waiting())
			}
			return nil
		case o.writing:
			if err := o.awaitWrite(ctx); err != nil { // the broker is slower than this client: the socket is full
				return err
			}
		default:
			if err := o.flushLocked(ctx); err != nil && o.backlog == 0 {
				return err
			}
			if o.partial.pending() { // Run goes on with it
				if err := o.awaitWrite(ctx); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// awaitWrite waits until a write has ended, or ctx has. mu is held, but not while
// waiting.
func (o *Outbox) awaitWrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.written.Broadcast()
		})()
	}
	o.written.Wait()
	return ctx.Err()
}

// hasRoom reports whether a frame of any length may be appended to the lane. mu is held.
func (o *Outbox) hasRoom(lane bus.Lane) bool {
	return o.fd >= 0 && !o.closed && !o.sealed && len(o.lanes[lane]) < maxBatch
}

// messageAppended is appended for a message: a lost connection is no error where the
// message is kept for the next one.
func (o *Outbox) messageAppended(ctx context.Context, lane bus.Lane, now int64) error {
	if err := o.appended(ctx, lane, now); err != nil && o.backlog == 0 {
		return err
	}
	return nil
}

// appended decides when a frame is written that was appended at now, and lets go of
// mu.
func (o *Outbox) appended(ctx context.Context, lane bus.Lane, now int64) (err error) {
	p := &o.pacing
	switch {
	case o.fd < 0: // connect has it written
	case o.writing: // the writer has it written
	case len(o.lanes[bus.Bulk]) >= batchSize, o.messages >= batchCount:
		if p.armed {
			p.lengthenWait()
		}
		err = o.flushLocked(ctx)
	case lane == bus.Urgent:
		err = o.flushLocked(ctx)
	case p.armed: // a dense stream: it is written with what waits already
	default:
		if p.refill(now); p.tokens < p.cost() {
			o.arm(now, p.wait)
			break
		}
		err = o.flushLocked(ctx)
	}
	o.mu.Unlock()
	return err
}

// waiting returns how many bytes wait to be written. mu is held.
func (o *Outbox) waiting() int { return len(o.lanes[bus.Bulk]) + len(o.lanes[bus.Urgent]) }

// nextMessageID numbers a message of the lane. mu is held.
func (o *Outbox) nextMessageID(lane bus.Lane) uint64 {
	o.lastID++
	if lane == bus.Bulk {
		o.messages++
	}
	return endpoint.PublishID | o.lastID
}

// stamp returns the time of a message that is being published. Messages share a
// reading of the clock only inside a batch, which the timer ends. mu is held.
func (o *Outbox) stamp() int64 {
	if !o.pacing.armed {
		o.stamps.expire()
	}
	return o.stamps.next(o.pacing.tokens < 0 && o.pacing.budget <= maxWait)
}

// Write appends a frame of n bytes and has it written. Only messages wait for a
// connection: requests and answers mean nothing on the next one, nor do messages that
// are to be confirmed.
func (o *Outbox) Write(ctx context.Context, lane bus.Lane, n int, f *frame.Fields) error {
	o.mu.Lock()
	err := o.reserve(ctx, lane, n)
	message := f.Type == frame.TypePublish && f.Flags&frame.FlagConfirm == 0
	if err == nil && o.fd < 0 && !message {
		err = ErrDisconnected
	}
	if err == nil && message {
		f.ID = o.nextMessageID(lane)
	}
	if err == nil {
		start := len(o.lanes[lane])
		o.lanes[lane], err = frame.Append(o.lanes[lane], f)
		frame.ShiftAllTimes(o.lanes[lane][start:], o.offset)
	}
	if err != nil {
		o.mu.Unlock()
		return err
	}
	if message {
		return o.messageAppended(ctx, lane, frame.Now())
	}
	o.followUp = true
	return o.appended(ctx, bus.Urgent, frame.Now()) // it does not wait for more
}

// Enqueue appends a frame whose answer no call waits for, and leaves the writing to
// Run. The reading goroutine uses it, because it must not wait for a broker that does
// not read.
func (o *Outbox) Enqueue(f *frame.Fields) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed || o.sealed:
		return bus.ErrClosed
	case o.fd < 0:
		return ErrDisconnected
	case f.Type == frame.TypePong && len(o.lanes[bus.Urgent]) >= maxBatch:
		return nil // the broker has signs of life enough to read first
	}
	lane := bus.Urgent
	if f.Type == frame.TypeSettle {
		lane = bus.Bulk // it stays behind those before it
	}
	start := len(o.lanes[lane])
	b, err := frame.Append(o.lanes[lane], f)
	if err == nil {
		frame.ShiftAllTimes(b[start:], o.offset)
		o.lanes[lane] = b
		o.arm(frame.Now(), minWait)
	}
	return err
}

// EnqueueUrgent has build append frames whose answer no call waits for, if there are any,
// and leaves the writing to Run. If atOnce is set, they are written at once where the socket
// takes them. build gets the broker's clock.
func (o *Outbox) EnqueueUrgent(build func(dst []byte, brokerNow int64) []byte, atOnce bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed || o.sealed:
		return bus.ErrClosed
	case o.fd < 0:
		return ErrDisconnected
	}
	urgent := &o.lanes[bus.Urgent]
	n := len(*urgent)
	if *urgent = build(*urgent, frame.Now()+o.offset); len(*urgent) == n {
		return nil
	}
	if atOnce && !o.writing {
		return o.flushLocked(endedContext) // what the socket does not take at once Run goes on with
	}
	o.arm(frame.Now(), minWait)
	return nil
}

// endedContext has a flush wait for nothing.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
