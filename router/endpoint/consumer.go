package endpoint

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Consumer takes messages out of an eager Queue and shows them to a program, by
// Messages. It is the receiving half of a Subscriber, shared by the in-process
// client and package ipc. One goroutine at a time may consume, others wait for
// their turn; the other methods are safe for concurrent use.
type Consumer struct {
	Queue *queue.Queue
	// Observe, where set, is shown each batch when it was taken, before any of it is
	// shown to the program.
	Observe func(items []queue.Item)
	// Settled, where set, gets the messages that were shown to the program, a batch at
	// a time, before their references are released.
	Settled func(ln bus.Lane, items []queue.Item)

	delivered, lost atomic.Uint64
	maxPayload      atomic.Int64

	// owned by the consuming goroutine
	taken   [queue.LaneCount]takenBatch
	message bus.Message
	inflate []byte

	consuming       sync.Mutex // held while a goroutine is inside
	closing         atomic.Bool
	settleRequested atomic.Bool // something is to be settled
	once            sync.Once
	ended           chan struct{}
}

// takenBatch is what was taken from a lane and not shown yet.
type takenBatch struct {
	taken queue.Batch
	at    int // of taken.Items, the next one to show
}

func (h *takenBatch) empty() bool { return h.at >= len(h.taken.Items) }

// NewConsumer returns a Consumer of q, whose compressed payloads may inflate to
// maxPayload bytes.
func NewConsumer(q *queue.Queue, maxPayload int) *Consumer {
	c := &Consumer{Queue: q, ended: make(chan struct{})}
	c.SetMaxPayload(maxPayload)
	return c
}

// SetMaxPayload has what is shown from now on inflate to n bytes at most.
func (c *Consumer) SetMaxPayload(n int) { c.maxPayload.Store(int64(n)) }

// consumeBatch is how many messages are taken at a time.
const consumeBatch = 64

// Stats counts what has been consumed.
func (c *Consumer) Stats() bus.SubscriberStats {
	return bus.SubscriberStats{Delivered: c.delivered.Load(), Lost: c.lost.Load()}
}

// Messages yields what is queued and waits for more, until the queue is closed
// and empty, or ctx ends.
func (c *Consumer) Messages(ctx context.Context) iter.Seq[*bus.Message] {
	return func(yield func(*bus.Message) bool) {
		c.consuming.Lock()
		defer c.leave()
		for ctx.Err() == nil && !c.closing.Load() {
			if !c.Step(ctx, yield) {
				return
			}
			if err := c.Queue.Wait(ctx); errors.Is(err, bus.ErrClosed) {
				c.end()
				return
			}
		}
	}
}

func (c *Consumer) leave() {
	c.consuming.Unlock()
	c.settle()
}

func (c *Consumer) end() { c.once.Do(func() { close(c.ended) }) }

// Ended is closed when a closed queue has been consumed, or was abandoned.
func (c *Consumer) Ended() <-chan struct{} { return c.ended }

// Abandon shows no further message and drops what is queued, as the consumer;
// when a goroutine is consuming, it does so at the end of its turn. Call it again
// when the queue is closed and nobody is producing any more.
func (c *Consumer) Abandon() {
	c.closing.Store(true)
	c.settleRequested.Store(true)
	c.Queue.Wake()
	c.settle()
}

// Finish is for the end of a subscription whose queue was closed: where nothing
// is left and nobody is consuming, nobody needs to come to find that out.
func (c *Consumer) Finish() {
	c.settleRequested.Store(true)
	c.settle()
}

// settle does what was asked, as the consumer. Who asks while another goroutine
// has the lock leaves it to that one: it looks after letting go.
func (c *Consumer) settle() {
	for c.settleRequested.Load() && c.consuming.TryLock() {
		c.settleRequested.Store(false)
		if c.closing.Load() {
			for ln := range c.taken {
				h := &c.taken[ln]
				if !h.empty() {
					c.Queue.LoseTaken(bus.Lane(ln), h.taken.Items[h.at:])
				}
				*h = takenBatch{}
			}
			c.Queue.Discard()
			c.end()
		} else if c.taken[bus.Bulk].empty() && c.taken[bus.Urgent].empty() && c.Queue.Closed() && !c.Queue.Pending() {
			c.end()
		}
		c.consuming.Unlock()
	}
}

// Step shows all that is queued, without waiting. It reports false when yield did,
// when ctx has ended, or when the consumer was abandoned; then the rest is shown next
// time.
func (c *Consumer) Step(ctx context.Context, yield func(*bus.Message) bool) bool {
	for {
		ln := bus.Urgent
		any, goOn := c.take(ln, yield)
		if !any && goOn {
			ln = bus.Bulk
			any, goOn = c.take(ln, yield)
		}
		if !any || !goOn {
			return goOn
		}
		if !c.show(ctx, ln, yield) {
			return false
		}
	}
}

// take sees to it that there is something of the lane in hand, and shows the gap
// before it.
func (c *Consumer) take(ln bus.Lane, yield func(*bus.Message) bool) (any, goOn bool) {
	h := &c.taken[ln]
	if !h.empty() {
		return true, true
	}
	t, ok := c.Queue.DequeueLane(ln, consumeBatch)
	if !ok {
		return false, true
	}
	h.taken, h.at = t, 0
	if c.Observe != nil {
		c.Observe(t.Items)
	}
	if t.HasGap {
		c.lost.Add(t.Gap.Count)
		c.message = bus.Message{Gap: &h.taken.Gap, Urgent: ln == bus.Urgent}
		return true, yield(&c.message)
	}
	return true, true
}

// show yields the messages of the lane that are in hand, but leaves off where an
// urgent one has come meanwhile. However it ends, what was shown is booked and
// released, and what was not is kept. After Abandon, and after the end of ctx, none is
// begun.
func (c *Consumer) show(ctx context.Context, ln bus.Lane, yield func(*bus.Message) bool) bool {
	h := &c.taken[ln]
	items := h.taken.Items[h.at:]
	done, size := 0, 0
	defer func() {
		h.at += done
		c.delivered.Add(uint64(done))
		c.Queue.Delivered(ln, done, uint64(size))
		if c.Settled != nil && done > 0 {
			c.Settled(ln, items[:done])
		}
		queue.ReleaseItems(items[:done])
	}()
	for i := range items {
		if c.closing.Load() || ctx.Err() != nil {
			return false
		}
		if i > 0 && ln == bus.Bulk && c.Queue.Len(bus.Urgent) > 0 {
			return true
		}
		f := items[i].Frame()
		// Field by field: for a literal that is copied the processor waits longer
		// than for all the rest.
		m := &c.message
		m.Gap, m.Frame, m.Payload, m.Sequence, m.Urgent, m.More = nil, f, f.Payload(), items[i].Sequence(), ln == bus.Urgent, i+1 < len(items)
		if f.Flags()&frame.FlagCompressed != 0 {
			// What cannot be inflated is delivered without a payload; the frame
			// shows that there was one.
			c.inflate, _ = frame.Inflate(c.inflate[:0], f, int(c.maxPayload.Load()))
			m.Payload = c.inflate
		}
		done, size = done+1, size+len(f)
		if !yield(m) {
			return false
		}
	}
	return true
}
