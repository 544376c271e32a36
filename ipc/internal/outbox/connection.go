package outbox

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// Connect directs the outbox to a connection with frames of up to maxSize bytes and a
// broker whose clock is ahead by offset, and has what waits written.
func (o *Outbox) Connect(fd, maxSize int, offset int64) {
	o.mu.Lock()
	o.fd, o.cutID = fd, 0
	for _, kept := range o.lanes {
		frame.ShiftAllTimes(kept, offset-o.offset)
	}
	o.offset = offset
	o.maxSpare = max(2*maxBatch, min(2*maxSize, maxMaxSpare))
	if o.waiting() > 0 {
		o.arm(frame.Now(), minWait)
	}
	o.mu.Unlock()
}

// Disconnect stops writing. Messages that are not written are kept for the next
// connection; requests and answers mean nothing there, and are dropped. It returns the
// number of the message that was being written, 0 if there was none.
func (o *Outbox) Disconnect() (cutID uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.detach()
	for o.writing {
		o.written.Wait()
	}
	o.putBack()
	for lane := range o.lanes {
		o.lanes[lane] = onlyMessages(o.lanes[lane])
	}
	o.written.Broadcast()
	return o.cutID
}

// detach stops all further writes. mu is held.
func (o *Outbox) detach() {
	o.fd = -1
	o.stamps.reset()
}

// DropKept drops the kept messages for which fault returns an error, and returns the
// errors. There is no connection, so no goroutine is writing.
func (o *Outbox) DropKept(fault func(frame.Frame) error) (faults []error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for lane := range o.lanes {
		o.lanes[lane], faults = dropFrames(o.lanes[lane], fault, faults)
	}
	return faults
}

// Prepend puts b before everything else that waits: a new connection's subscriptions
// come before what was published meanwhile.
func (o *Outbox) Prepend(b []byte) {
	o.mu.Lock()
	frame.ShiftAllTimes(b, o.offset)
	o.lanes[bus.Urgent] = append(b, o.lanes[bus.Urgent]...)
	o.mu.Unlock()
}

// Close takes nothing more, and writes what was published before it, and then the
// goodbye. The caller hangs up when the socket does not take that in time.
func (o *Outbox) Close(goodbye []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	o.written.Broadcast()
	for o.writing {
		o.written.Wait()
	}
	if o.fd >= 0 {
		o.lanes[bus.Bulk] = append(o.lanes[bus.Bulk], goodbye...)
		o.flushLocked(context.Background()) // an error means that there is no broker to read it
	}
	o.fd = -1
	o.pacing.timer.close()
}

// Abort writes the goodbye, where that would not be inside a frame and the socket
// takes it at once, and stops writing.
func (o *Outbox) Abort(goodbye []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writable() && !o.writing {
		unixsock.RawSend(o.fd, []unix.Iovec{unixsock.Piece(goodbye)})
		o.detach()
	}
}

// Drain writes what waits, and the drain frame as the last one: what is published from
// then on would lie behind it, and is refused.
func (o *Outbox) Drain(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return bus.ErrClosed
	}
	o.sealed = true
	o.written.Broadcast()
	for o.writing {
		if err := o.awaitWrite(ctx); err != nil {
			return err
		}
	}
	if o.fd < 0 {
		return ErrDisconnected
	}
	o.lanes[bus.Bulk] = frame.AppendControl(o.lanes[bus.Bulk], frame.TypeDrain, 0, frame.Now()+o.offset, 0)
	return o.flushLocked(ctx)
}
