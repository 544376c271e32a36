package client

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// awaitedRounds is how often a flush goes on for what others wait for, before
// it leaves that to run: who came to publish a message must come back.
const awaitedRounds = 16

// flushLocked writes what is there, urgent frames first, and then what came
// meanwhile and is urgent or awaited. The rest of what came is left to run. mu is
// held, but not while writing.
func (o *outbox) flushLocked() error {
	o.awaited, o.armed, o.easy = false, false, 0
	err := o.writeLane(bus.Urgent)
	if err == nil {
		err = o.writeLane(bus.Bulk)
	}
	for round := 0; err == nil && round < awaitedRounds && (o.awaited || len(o.lanes[bus.Urgent]) > 0) && o.fd >= 0; round++ {
		pinged := o.awaited // pings are in the bulk lane
		o.awaited = false
		if err = o.writeLane(bus.Urgent); err == nil && pinged {
			err = o.writeLane(bus.Bulk)
		}
	}
	o.armed, o.easy = false, 0
	if o.waiting() > 0 && o.fd >= 0 {
		o.arm(frame.Now(), o.wait)
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
		o.pay()
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
			unixsock.HangUp(fd) // else the reading goroutine would not see the end
		}
		if o.fd == fd {
			o.detach() // the reading goroutine connects anew
		}
		rest := unwritten(batch, sent)
		o.stuck = firstMessage(rest)
		o.lanes[lane] = append(rest, o.lanes[lane]...)
		batch = nil
	}
	switch {
	case cap(batch) > o.keep:
	case len(o.lanes[lane]) == 0:
		// Nobody came meanwhile: go on in the memory that the caches hold.
		o.lanes[lane], o.spare = batch[:0], o.lanes[lane]
	default:
		o.spare = batch[:0]
	}
	o.room.Broadcast()
	return err
}

// flushNow writes what waits, by this goroutine or by who is at it.
func (o *outbox) flushNow() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.room.Wait()
	}
	if o.closed {
		return bus.ErrClosed
	}
	return o.flushLocked()
}

// run writes what waited long enough, until the outbox is closed. Where batches fill
// up by themselves, they set the timer anew before it has come: waking up would cost
// more than the writing.
func (o *outbox) run() {
	for o.timer.wait() == nil {
		o.mu.Lock()
		o.due = 0
		if o.armed && !o.closed {
			o.look()
		}
		o.mu.Unlock()
	}
}

// look is what run does when the time is up. mu is held.
func (o *outbox) look() {
	if int64(o.messages)*int64(maxWait) >= batchCount*int64(o.wait) {
		o.longer() // it would have filled up within maxWait
	} else {
		o.wait = o.leastWait()
	}
	if o.fd < 0 || o.writing { // who connects or writes arms the timer again
		o.armed, o.easy = false, 0
		return
	}
	o.flushLocked() // a failure is the reading goroutine's to report
}

// push writes what waits, or has it written by who is at it.
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
		o.awaited = true
		return nil
	}
	err := o.flushLocked()
	if o.due != 0 && !o.armed && o.wait == o.leastWait() && !o.closed {
		o.due = 0
		o.timer.stop() // there is nothing to come for, and no batch soon to set it anew
	}
	return err
}
