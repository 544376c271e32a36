package client

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// outbox collects frames and writes them. There is one writer at a time: the
// goroutine that published, when it found nobody writing, or the outbox's own.
// While it writes others append, and what they appended is the next batch.
type outbox struct {
	mu      sync.Mutex
	room    sync.Cond     // somebody finished writing
	lanes   [2][]byte     // guarded by mu; frames to write, urgent ones first
	spare   []byte        // guarded by mu; memory of a batch that was written
	writing bool          // guarded by mu
	fd      int           // guarded by mu; -1 without a connection
	sealed  bool          // guarded by mu; drain was sent, and nothing comes after that
	closed  bool          // guarded by mu
	backlog int           // bytes kept without a connection; 0: none is to come
	budget  time.Duration // may wait this long for company

	// credit says whether a message is written at once, in ns: it grows with time,
	// and a message costs messageCost, however it was written. So messages up to a
	// rate, and short bursts, are written at once, and a dense stream in batches,
	// also when it comes in bursts itself.
	credit int64 // guarded by mu; -maxDebt to maxCredit
	paidAt int64 // guarded by mu; when credit was right

	stamps stamps // guarded by mu

	number   uint64 // guarded by mu; of the last message
	messages int    // guarded by mu; in the bulk lane, but for those that a failed write put back
	easy     int    // guarded by mu; see appendEasily; 0 unless armed or writing
	keep     int    // guarded by mu; memory of larger batches is not kept
	stuck    uint64 // guarded by mu; the message that was being written when writing failed; 0: none

	timer   *timer        // wakes run; set by who holds mu, when not closed
	due     int64         // guarded by mu; when timer comes; 0: it has come, or was stopped
	wait    time.Duration // guarded by mu; what waits waits about so long
	armed   bool          // guarded by mu; timer is set, for what waits or is being written
	awaited bool          // guarded by mu; what was appended during a write is asked for: by a push, or by who waits for its answer
	writes  atomic.Uint64 // how often something was written
}

const (
	batchSize    = 192 << 10 // a batch of this size does not wait any longer,
	batchCount   = 384       // nor one of so many messages: the broker could begin with those
	maxBatch     = 256 << 10
	maxKeep      = 8 << 20 // memory of larger batches is left to the collector
	messageCost  = int64(40 * time.Microsecond)
	maxCredit    = int64(time.Millisecond)
	maxDebt      = int64(10 * time.Millisecond)
	closeTimeout = time.Second            // for what is written while closing
	minWait      = 50 * time.Microsecond  // how long a dense stream's batch waits for more
	maxWait      = 500 * time.Microsecond // the same at most, when batches fill up before that
)

func (o *outbox) init(budget time.Duration, backlog int) (err error) {
	o.room.L = &o.mu
	o.fd, o.budget, o.backlog = -1, budget, backlog
	o.credit, o.wait = o.maxCredit(), o.leastWait()
	o.timer, err = newTimer()
	return err
}

// connect directs the outbox to a connection with frames of up to maxSize bytes,
// and has written what is there.
func (o *outbox) connect(fd, maxSize int) {
	o.mu.Lock()
	o.fd, o.stuck = fd, 0
	o.keep = max(2*maxBatch, min(2*maxSize, maxKeep))
	if o.waiting() > 0 {
		o.arm(frame.Now(), minWait)
	}
	o.mu.Unlock()
}

// disconnect stops writing. Messages that are not written are kept for the next
// connection; what asks or answers means nothing there. It returns the number of
// the message that was being written, 0 where it was none.
func (o *outbox) disconnect() (stuck uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.detach()
	for o.writing {
		o.room.Wait()
	}
	for lane := range o.lanes {
		o.lanes[lane] = messages(o.lanes[lane])
	}
	o.room.Broadcast()
	return o.stuck
}

// detach has nothing written any more. mu is held.
func (o *outbox) detach() {
	o.fd, o.easy = -1, 0
	o.stamps.forget()
}

// discard drops the kept messages for which drop has an error, and returns the
// errors. There is no connection, so nobody is writing.
func (o *outbox) discard(drop func(frame.Frame) error) (dropped []error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for lane := range o.lanes {
		o.lanes[lane], dropped = without(o.lanes[lane], drop, dropped)
	}
	return dropped
}

// ahead writes b before everything else that waits: a new connection's
// subscriptions come before what was published meanwhile.
func (o *outbox) ahead(b []byte) {
	o.mu.Lock()
	o.lanes[bus.Urgent] = append(b, o.lanes[bus.Urgent]...)
	o.mu.Unlock()
}

// close takes nothing more, and has what was published before it written, and
// then bye. Who closes hangs up when the socket does not take that in time.
func (o *outbox) close(bye []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed, o.easy = true, 0
	o.room.Broadcast()
	for o.writing {
		o.room.Wait()
	}
	if o.fd >= 0 {
		o.lanes[bus.Bulk] = append(o.lanes[bus.Bulk], bye...)
		o.flushLocked() // an error is that there is nobody to be told
	}
	o.fd = -1
	o.timer.close()
}

// reserve waits until n bytes may be appended to the lane. mu is held; wrote
// lets go of it.
func (o *outbox) reserve(lane bus.Lane, n int) error {
	for {
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
		case len(o.lanes[lane]) < maxBatch:
			return nil
		case o.writing:
			o.room.Wait() // the broker is slower than we are: the socket is full
		default:
			if err := o.flushLocked(); err != nil && o.backlog == 0 {
				return err
			}
		}
	}
}

// published is wrote for a message: that the connection is lost is no error where
// it is kept for the next.
func (o *outbox) published(lane bus.Lane, now int64) error {
	if err := o.wrote(lane, now); err != nil && o.backlog == 0 {
		return err
	}
	return nil
}

// wrote decides what happens to a frame that was appended at now, and lets go
// of mu.
func (o *outbox) wrote(lane bus.Lane, now int64) (err error) {
	switch {
	case o.fd < 0: // who connects sees it
	case o.writing: // who writes sees it
		o.easy = batchSize
	case len(o.lanes[bus.Bulk]) >= batchSize, o.messages >= batchCount:
		if o.armed {
			o.longer()
		}
		err = o.flushLocked()
	case lane == bus.Urgent:
		err = o.flushLocked()
	case o.armed: // a dense stream: it goes with what waits already
	default:
		if o.earn(now); o.credit < o.cost() {
			o.arm(now, o.wait)
			break
		}
		err = o.flushLocked()
	}
	o.mu.Unlock()
	return err
}

// appendEasily appends a message to the bulk lane where that is all there is to do,
// for it goes with what waits already, or after what is being written. Then easy is
// how long the lane may become, and else 0. mu is held.
func (o *outbox) appendEasily(t frame.Template, extension, payload []byte) bool {
	b := o.lanes[bus.Bulk]
	if len(b)+t.Size(extension, payload) > o.easy || o.messages >= batchCount-1 {
		return false
	}
	o.lanes[bus.Bulk] = t.Append(b, o.nextID(bus.Bulk), o.stamp(), extension, payload)
	return true
}

// waiting returns how many bytes wait to be written. mu is held.
func (o *outbox) waiting() int { return len(o.lanes[bus.Bulk]) + len(o.lanes[bus.Urgent]) }

// nextID numbers a message of the lane. mu is held.
func (o *outbox) nextID(lane bus.Lane) uint64 {
	o.number++
	if lane == bus.Bulk {
		o.messages++
	}
	return endpoint.PublishID | o.number
}

// stamp returns the time of a message that is being published. A reading of the
// clock is shared in a batch only, which the timer ends. mu is held.
func (o *outbox) stamp() int64 {
	if !o.armed {
		o.stamps.expire()
	}
	return o.stamps.next(o.credit < 0 && o.budget <= maxWait)
}

// earn brings credit up to now. mu is held.
func (o *outbox) earn(now int64) {
	o.credit = min(o.credit+now-o.paidAt, o.maxCredit())
	o.paidAt = now
}

// pay takes the cost of the bulk messages that are being written. mu is held.
func (o *outbox) pay() {
	o.earn(frame.Now())
	o.credit = max(o.credit-int64(o.messages)*o.cost(), -maxDebt)
	o.messages = 0
}

// With a budget only a message that comes after a pause is written at once.
func (o *outbox) maxCredit() int64 {
	if o.budget > 0 {
		return o.cost()
	}
	return maxCredit
}

func (o *outbox) cost() int64 { return max(int64(o.budget), messageCost) }

// arm has run write what waits, in wait at most. To set the timer costs more than
// to append a hundred messages: where it comes soon enough, and not too soon, it
// stays. mu is held.
func (o *outbox) arm(now int64, wait time.Duration) {
	if o.closed {
		return
	}
	if !o.sealed {
		o.easy = batchSize
	}
	left, first := time.Duration(o.due-now), !o.armed
	if first {
		o.armed = true
		o.stamps.expire() // of the time before this batch
	}
	if left > wait || first && left < wait/2 {
		o.due = now + int64(wait)
		o.timer.set(wait)
	}
}

// leastWait is how long run waits before it writes what waits, unless batches fill
// up by themselves.
func (o *outbox) leastWait() time.Duration { return max(o.budget, minWait) }

// longer has the next batch wait for longer: they fill up, and each is to set the timer
// anew before it comes. No batch waits longer than a budget allows.
func (o *outbox) longer() {
	most := maxWait
	if o.budget > 0 {
		most = o.leastWait()
	}
	o.wait = min(2*o.wait, most)
}

// write appends a frame of n bytes and has it written. Only messages wait for a
// connection: there is nobody to ask or to answer without one.
func (o *outbox) write(lane bus.Lane, n int, f *frame.Fields) error {
	o.mu.Lock()
	err := o.reserve(lane, n)
	message := f.Type == frame.TypePublish
	if err == nil && o.fd < 0 && !message {
		err = ErrDisconnected
	}
	if err == nil && message {
		f.ID = o.nextID(lane)
	}
	if err == nil {
		o.lanes[lane], err = frame.Append(o.lanes[lane], f)
	}
	if err != nil {
		o.mu.Unlock()
		return err
	}
	if message {
		return o.published(lane, frame.Now())
	}
	o.awaited = true
	return o.wrote(bus.Urgent, frame.Now()) // not to be kept for company
}

// later appends a frame that nobody waits for, and leaves writing it to run: for
// the reading goroutine, which must not wait for a broker that does not read.
func (o *outbox) later(f *frame.Fields) error {
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
	b, err := frame.Append(o.lanes[bus.Urgent], f)
	if err == nil {
		o.lanes[bus.Urgent] = b
		o.arm(frame.Now(), minWait)
	}
	return err
}

// giveUp writes bye where that would not be inside a frame, and the socket takes it
// at once.
func (o *outbox) giveUp(bye []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fd >= 0 && !o.writing {
		unixsock.RawSend(o.fd, []unix.Iovec{{Base: &bye[0], Len: uint64(len(bye))}})
		o.detach()
	}
}

// drain writes what waits, and drain as the last frame: what is published from
// then on would lie behind it, and is refused.
func (o *outbox) drain() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return bus.ErrClosed
	}
	o.sealed, o.easy = true, 0
	o.room.Broadcast()
	for o.writing {
		o.room.Wait()
	}
	if o.fd < 0 {
		return ErrDisconnected
	}
	o.lanes[bus.Bulk] = frame.AppendControl(o.lanes[bus.Bulk], frame.TypeDrain, 0, frame.Now(), 0)
	return o.flushLocked()
}
