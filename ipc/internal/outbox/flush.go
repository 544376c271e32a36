package outbox

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// maxFollowUps is how often a flush writes what others have appended meanwhile, before it
// leaves the rest to the goroutine in Run, because a goroutine that came to publish one
// message must come back. The bound costs nothing at full speed (BenchmarkOutbox). Without
// follow-ups a call whose frame was appended meanwhile would wait for the timer, minWait and
// a wake-up.
const maxFollowUps = 16

// flushLocked writes what is there, urgent frames first, and then what was appended
// meanwhile and is urgent or to be followed up. The goroutine in Run writes the rest. If ctx
// can be cancelled, flushLocked does not block in a system call, and Run also writes what
// the socket does not take at once. mu is held, but not while writing.
func (o *Outbox) flushLocked(ctx context.Context) error {
	o.followUp = false
	o.disarm()
	err := o.writePartial(ctx)
	if err == nil {
		err = o.writeLane(ctx, bus.Urgent)
	}
	if err == nil {
		err = o.writeLane(ctx, bus.Bulk)
	}
	for round := 0; err == nil && round < maxFollowUps && (o.followUp || len(o.lanes[bus.Urgent]) > 0) && o.writable(); round++ {
		bulk := o.followUp // pings are in the bulk lane
		o.followUp = false
		if err = o.writeLane(ctx, bus.Urgent); err == nil && bulk {
			err = o.writeLane(ctx, bus.Bulk)
		}
	}
	o.disarm()
	if (o.waiting() > 0 || o.partial.pending()) && o.fd >= 0 {
		o.arm(frame.Now(), o.pacing.wait)
	}
	return err
}

// writable reports whether a batch may be begun. mu is held.
func (o *Outbox) writable() bool { return o.fd >= 0 && !o.partial.pending() }

// partialBatch is a batch that is being written, or of which a full socket has taken
// only the first part.
type partialBatch struct {
	batch []byte
	sent  int
	lane  bus.Lane
}

func (p *partialBatch) pending() bool { return p.batch != nil }

// writeLane writes what is in the lane, if anything, unless another batch is to be
// finished first. mu is held, but not while writing.
func (o *Outbox) writeLane(ctx context.Context, lane bus.Lane) error {
	if len(o.lanes[lane]) == 0 || !o.writable() {
		return nil
	}
	o.partial = partialBatch{batch: o.lanes[lane], lane: lane}
	o.stamps.expire()
	o.lanes[lane], o.spare = o.spare[:0], nil
	if lane == bus.Bulk {
		o.pacing.spend(o.messages)
		o.messages = 0
	}
	o.writes.Add(1)
	return o.writePartial(ctx)
}

// writePartial goes on with a batch that is not written whole, if there is one. mu is
// held, but not while writing.
func (o *Outbox) writePartial(ctx context.Context) (err error) {
	if !o.partial.pending() || o.fd < 0 {
		return nil
	}
	send, waits := unixsock.SendAll, true
	if ctx.Done() != nil {
		send, waits = unixsock.SendNow, false
	}
	p, fd := &o.partial, o.fd
	rest := p.batch[p.sent:]
	o.writing = true
	o.mu.Unlock()
	sent, werr := send(fd, rest)
	o.mu.Lock()
	o.writing = false
	p.sent += sent
	o.written.Broadcast()
	if werr == unix.EAGAIN && !waits {
		return nil // the timer is armed for it, and Run goes on
	}
	if werr != nil {
		err = fmt.Errorf("%w: %w", ErrDisconnected, werr)
		if werr != unix.EPIPE && werr != unix.ECONNRESET {
			unixsock.HangUp(fd) // otherwise the reading goroutine would not see the end
		}
		if o.fd == fd {
			o.detach() // the reading goroutine connects anew
		}
		o.putBack()
		return err
	}
	batch, lane := p.batch, p.lane
	*p = partialBatch{}
	switch {
	case cap(batch) > o.maxSpare:
	case len(o.lanes[lane]) == 0:
		// Nothing was appended meanwhile: go on in the memory that the caches hold.
		o.lanes[lane], o.spare = batch[:0], o.lanes[lane]
	default:
		o.spare = batch[:0]
	}
	return nil
}

// putBack returns to its lane what was not written whole, for the next connection: the
// broker cannot have routed it. mu is held.
func (o *Outbox) putBack() {
	p := &o.partial
	if !p.pending() {
		return
	}
	rest := unwrittenFrames(p.batch, p.sent)
	o.cutID = firstMessageID(rest)
	o.lanes[p.lane] = append(rest, o.lanes[p.lane]...)
	*p = partialBatch{}
}

// Push writes what waits, or has the goroutine that is writing do it.
func (o *Outbox) Push(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return bus.ErrClosed
	}
	if o.waiting() == 0 && !o.partial.pending() {
		return nil
	}
	if o.writing {
		o.followUp = true
		return nil
	}
	err := o.flushLocked(ctx)
	if p := &o.pacing; p.due != 0 && !p.armed && p.wait == p.shortestWait() && !o.closed {
		p.due = 0
		p.timer.stop() // nothing waits for it, and no batch will soon set it anew
	}
	return err
}

// Run writes what has waited long enough, until the outbox is closed. Where batches
// fill up by themselves, they set the timer anew before it fires, because waking up
// would cost more than the writing.
func (o *Outbox) Run() {
	for o.pacing.timer.wait() == nil {
		o.mu.Lock()
		o.pacing.due = 0
		if o.pacing.armed && !o.closed {
			o.timeUp()
		}
		o.mu.Unlock()
	}
}

// timeUp writes the batch whose time is up. mu is held.
func (o *Outbox) timeUp() {
	o.pacing.adaptWait(o.messages)
	if o.fd < 0 || o.writing { // connect or the writer arms the timer again
		o.disarm()
		return
	}
	o.flushLocked(context.Background()) // a failure is reported by the reading goroutine
}
