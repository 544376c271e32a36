package client

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// maxFollowUps is how often a flush goes on with what others wait for, before it
// leaves that to run: a goroutine that came to publish one message must come back.
const maxFollowUps = 16

// flushLocked writes what is there, urgent frames first, and then what was appended
// meanwhile and is urgent or to be followed up. The rest is left to run. mu is held,
// but not while writing.
func (o *outbox) flushLocked() error {
	o.followUp = false
	o.disarm()
	err := o.writeLane(bus.Urgent)
	if err == nil {
		err = o.writeLane(bus.Bulk)
	}
	for round := 0; err == nil && round < maxFollowUps && (o.followUp || len(o.lanes[bus.Urgent]) > 0) && o.fd >= 0; round++ {
		bulk := o.followUp // pings are in the bulk lane
		o.followUp = false
		if err = o.writeLane(bus.Urgent); err == nil && bulk {
			err = o.writeLane(bus.Bulk)
		}
	}
	o.disarm()
	if o.waiting() > 0 && o.fd >= 0 {
		o.arm(frame.Now(), o.pacing.wait)
	}
	return err
}

// writeLane writes what is in the lane, if anything. mu is held, but not while
// writing.
func (o *outbox) writeLane(lane bus.Lane) (err error) {
	if len(o.lanes[lane]) == 0 || o.fd < 0 {
		return nil
	}
	batch, fd := o.lanes[lane], o.fd
	o.stamps.expire()
	o.lanes[lane], o.spare = o.spare[:0], nil
	if lane == bus.Bulk {
		o.pacing.charge(o.messages)
		o.messages = 0
	}
	o.writing = true
	o.writes.Add(1)
	o.mu.Unlock()
	sent, werr := unixsock.SendAll(fd, batch)
	o.mu.Lock()
	o.writing = false
	if werr != nil {
		err = fmt.Errorf("%w: %w", ErrDisconnected, werr)
		if werr != unix.EPIPE && werr != unix.ECONNRESET {
			unixsock.HangUp(fd) // otherwise the reading goroutine would not see the end
		}
		if o.fd == fd {
			o.detach() // the reading goroutine connects anew
		}
		rest := unwrittenFrames(batch, sent)
		o.cutID = firstMessageID(rest)
		o.lanes[lane] = append(rest, o.lanes[lane]...)
		batch = nil
	}
	switch {
	case cap(batch) > o.maxSpare:
	case len(o.lanes[lane]) == 0:
		// Nothing was appended meanwhile: go on in the memory that the caches hold.
		o.lanes[lane], o.spare = batch[:0], o.lanes[lane]
	default:
		o.spare = batch[:0]
	}
	o.written.Broadcast()
	return err
}

// flush writes what waits, when the goroutine that is writing has ended.
func (o *outbox) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.written.Wait()
	}
	if o.closed {
		return bus.ErrClosed
	}
	return o.flushLocked()
}

// push writes what waits, or has the goroutine that is writing do it.
func (o *outbox) push() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return bus.ErrClosed
	}
	if o.waiting() == 0 {
		return nil
	}
	if o.writing {
		o.followUp = true
		return nil
	}
	err := o.flushLocked()
	if p := &o.pacing; p.due != 0 && !p.armed && p.wait == p.shortestWait() && !o.closed {
		p.due = 0
		p.timer.stop() // nothing waits for it, and no batch will soon set it anew
	}
	return err
}

// run writes what has waited long enough, until the outbox is closed. Where batches
// fill up by themselves, they set the timer anew before it fires, because waking up
// would cost more than the writing.
func (o *outbox) run() {
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
func (o *outbox) timeUp() {
	o.pacing.adaptWait(o.messages)
	if o.fd < 0 || o.writing { // connect or the writer arms the timer again
		o.disarm()
		return
	}
	o.flushLocked() // a failure is reported by the reading goroutine
}
