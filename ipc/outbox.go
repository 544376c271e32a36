package ipc

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
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
	closed  bool          // guarded by mu
	backlog int           // bytes kept without a connection; 0: none is to come
	budget  time.Duration // may wait this long for company

	// credit pays for writes of single messages, in ns: it grows with time, up
	// to maxCredit, and a write costs writeCost. So messages up to a rate, and
	// bursts, are written at once, and a dense stream in batches.
	credit int64 // guarded by mu
	paidAt int64 // guarded by mu

	now    int64 // guarded by mu; the last reading of the clock
	share  int   // guarded by mu; how many messages use it
	shared int   // guarded by mu; how many of them are still to come

	number uint64 // guarded by mu; of the last message
	easy   int    // guarded by mu; see appendEasily

	armed   bool          // guarded by mu; run was told that something waits
	flushed bool          // guarded by mu; something was written since run looked
	writes  atomic.Uint64 // how often something was written
	kick    chan struct{} // capacity 1
	done    chan struct{}
}

const (
	batchSize    = 64 << 10 // a batch of this size does not wait any longer
	maxBatch     = 256 << 10
	writeCost    = int64(40 * time.Microsecond)
	maxCredit    = int64(time.Millisecond)
	closeTimeout = time.Second            // for what is written while closing
	minWait      = 50 * time.Microsecond  // how long a dense stream's batch waits for more
	maxWait      = 500 * time.Microsecond // the same, when batches fill up by themselves

	stampError = int64(8 * time.Microsecond) // how old a reading of the clock may be that messages share
	stampShare = 64                          // how many may share one at most
)

func (o *outbox) init(budget time.Duration, backlog int) {
	o.room.L = &o.mu
	o.fd, o.budget, o.backlog = -1, budget, backlog
	o.kick, o.done = make(chan struct{}, 1), make(chan struct{})
	o.credit = maxCredit
}

// connect directs the outbox to a connection and writes what is there.
func (o *outbox) connect(fd int) {
	o.mu.Lock()
	o.fd = fd
	o.arm()
	o.mu.Unlock()
}

// disconnect stops writing. Messages that are not written are kept for the next
// connection; what asks or answers means nothing there.
func (o *outbox) disconnect() {
	o.mu.Lock()
	o.fd, o.easy = -1, 0
	for o.writing {
		o.room.Wait()
	}
	for lane := range o.lanes {
		o.lanes[lane] = messages(o.lanes[lane])
	}
	o.room.Broadcast()
	o.mu.Unlock()
}

// ahead writes b before everything else that waits: a new connection's
// subscriptions come before what was published meanwhile.
func (o *outbox) ahead(b []byte) {
	o.mu.Lock()
	o.lanes[router.Urgent] = append(b, o.lanes[router.Urgent]...)
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
		o.lanes[router.Bulk] = append(o.lanes[router.Bulk], bye...)
		o.flushLocked() // an error is that there is nobody to be told
	}
	o.fd = -1
	close(o.done)
}

// reserve waits until n bytes may be appended to the lane. mu is held; wrote
// lets go of it.
func (o *outbox) reserve(lane router.Lane, n int) error {
	for {
		switch {
		case o.closed:
			return router.ErrClosed
		case o.fd < 0:
			if waiting := len(o.lanes[router.Bulk]) + len(o.lanes[router.Urgent]); waiting+n > o.backlog {
				return fmt.Errorf("%w, and %d bytes wait for that already", ErrDisconnected, waiting)
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
func (o *outbox) published(lane router.Lane, now int64) error {
	if err := o.wrote(lane, now); err != nil && o.backlog == 0 {
		return err
	}
	return nil
}

// wrote decides what happens to a frame that was appended at now, and lets go
// of mu.
func (o *outbox) wrote(lane router.Lane, now int64) (err error) {
	switch {
	case o.writing || o.fd < 0: // who writes sees it; or who connects
	case len(o.lanes[router.Bulk]) >= batchSize:
		err = o.flushLocked()
	case lane == router.Urgent:
		err = o.flushLocked()
	case o.armed: // a dense stream: it goes with what waits already
	default:
		o.credit = min(o.credit+now-o.paidAt, o.maxCredit())
		o.paidAt = now
		if o.credit < o.cost() {
			o.arm()
			break
		}
		o.credit -= o.cost()
		err = o.flushLocked()
	}
	o.mu.Unlock()
	return err
}

// appendEasily appends a message to the bulk lane where that is all there is to do:
// in a dense stream, whose messages go with what waits already. Then easy is how
// long the lane may become, and else 0. mu is held.
func (o *outbox) appendEasily(t frame.Template, extension, payload []byte) bool {
	b := o.lanes[router.Bulk]
	if len(b)+t.Size(extension, payload) > o.easy {
		return false
	}
	o.lanes[router.Bulk] = t.Append(b, o.nextID(), o.stamp(), extension, payload)
	return true
}

// nextID numbers a message. mu is held.
func (o *outbox) nextID() uint64 {
	o.number++
	return router.PublishID | o.number
}

// stamp returns the time of a message that is being published. In a dense
// stream messages share a reading of the clock, which costs as much as all the
// rest; their latency can look longer by that, never shorter. mu is held.
func (o *outbox) stamp() int64 {
	if o.shared > 0 {
		o.shared--
		return o.now
	}
	return o.readClock()
}

// readClock reads the clock, and decides from how long it took the last messages
// to come how many of the next share the reading.
func (o *outbox) readClock() int64 {
	now := router.Now()
	switch took := now - o.now; {
	case !o.armed || took >= stampError:
		o.share = 0
	case took < stampError/2:
		o.share = min(2*o.share+1, stampShare-1)
	}
	o.now, o.shared = now, o.share
	return now
}

// With a budget only a message that comes after a pause is written at once.
func (o *outbox) maxCredit() int64 {
	if o.budget > 0 {
		return max(int64(o.budget), writeCost)
	}
	return maxCredit
}

func (o *outbox) cost() int64 {
	if o.budget > 0 {
		return max(int64(o.budget), writeCost)
	}
	return writeCost
}

// arm has run write what waits, a little later. mu is held.
func (o *outbox) arm() {
	o.easy = batchSize
	if !o.armed {
		o.armed = true
		o.kick <- struct{}{} // has room: run takes the token before it disarms
	}
}

// flushLocked writes until nothing is left that was there when it began, or
// there is more than a batch of new. mu is held, but not while writing.
func (o *outbox) flushLocked() error {
	var err error
	for lane := range o.lanes {
		lane = len(o.lanes) - 1 - lane // urgent first
		if len(o.lanes[lane]) == 0 || o.fd < 0 {
			continue
		}
		batch, fd := o.lanes[lane], o.fd
		o.flushed = true
		o.shared = 0
		o.lanes[lane], o.spare = o.spare[:0], nil
		o.writing = true
		o.writes.Add(1)
		o.mu.Unlock()
		sent, werr := sendAll(fd, batch)
		o.mu.Lock()
		o.writing = false
		if werr != nil {
			err = fmt.Errorf("%w: %w", ErrDisconnected, werr)
			if o.fd == fd {
				o.fd, o.easy = -1, 0 // the reading goroutine sees the end as well, and connects anew
			}
			o.lanes[lane] = append(unwritten(batch, sent), o.lanes[lane]...)
			batch = nil
		}
		switch {
		case cap(batch) > 2*maxBatch:
		case len(o.lanes[lane]) == 0:
			// Nobody came meanwhile: go on in the memory that the caches hold.
			o.lanes[lane], o.spare = batch[:0], o.lanes[lane]
		default:
			o.spare = batch[:0]
		}
		o.room.Broadcast()
	}
	if len(o.lanes[router.Bulk])+len(o.lanes[router.Urgent]) > 0 && o.fd >= 0 && !o.closed {
		o.arm()
	}
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
		return router.ErrClosed
	}
	return o.flushLocked()
}

// run writes what waited long enough, until the outbox is closed. While batches
// fill up by themselves it only looks now and then: waking up for each of them
// would cost more than writing it.
func (o *outbox) run() {
	wait := max(o.budget, minWait)
	for dense := false; ; {
		if !dense {
			select {
			case <-o.done:
				return
			case <-o.kick:
			}
		}
		nap(wait)
		o.mu.Lock()
		if o.closed {
			o.mu.Unlock()
			return
		}
		dense = o.flushed
		o.flushed = false
		if dense {
			wait = min(2*wait, max(o.budget, maxWait))
		} else {
			wait = max(o.budget, minWait)
			o.armed, o.easy = false, 0
			if !o.writing && o.fd >= 0 && o.flushLocked() == nil { // a failure is the reading goroutine's to report
				o.credit, o.paidAt = 0, router.Now()
			}
			o.flushed = false // by others than us
		}
		o.mu.Unlock()
	}
}

// write appends a frame of n bytes and has it written. Only messages wait for a
// connection: there is nobody to ask or to answer without one.
func (o *outbox) write(lane router.Lane, n int, f *frame.Fields) error {
	o.mu.Lock()
	err := o.reserve(lane, n)
	message := f.Type == frame.TypePublish
	if err == nil && o.fd < 0 && !message {
		err = ErrDisconnected
	}
	if message {
		f.ID = o.nextID()
	}
	if err == nil {
		o.lanes[lane], err = frame.Append(o.lanes[lane], f)
	}
	if err != nil {
		o.mu.Unlock()
		return err
	}
	if message {
		return o.published(lane, router.Now())
	}
	return o.wrote(router.Urgent, router.Now()) // awaited: not to be kept for company
}

// push writes what waits, unless somebody is writing: who does takes it along.
func (o *outbox) push() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return router.ErrClosed
	}
	if o.writing || len(o.lanes[router.Bulk])+len(o.lanes[router.Urgent]) == 0 {
		return nil
	}
	return o.flushLocked()
}
