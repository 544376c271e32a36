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

// Consumer dequeues messages from an eager Queue and yields them to a program, with
// Messages. It is the receiving half of a Subscriber. The in-process client and package
// ipc share it. One goroutine at a time may consume; others wait for their turn. The
// other methods are safe for concurrent use.
type Consumer struct {
	Queue *queue.Queue
	// Observe, if set, is called with each dequeued batch, before any message of it is
	// yielded to the program.
	Observe func(items []queue.Item)
	// Settled, if set, is called with the messages that were yielded to the program, a
	// batch at a time, before their references are released.
	Settled func(ln bus.Lane, items []queue.Item)

	delivered, lost atomic.Uint64
	maxFrame        atomic.Int64
	batch           atomic.Int32

	// owned by the consuming goroutine
	taken   [queue.LaneCount]takenBatch
	message bus.Message
	inflate []byte

	consuming       sync.Mutex  // held by the consuming goroutine
	closing         atomic.Bool // Abandon was called
	settleRequested atomic.Bool // settle must run once more
	once            sync.Once
	ended           chan struct{}
}

// takenBatch is a batch of a lane that was dequeued; its items from at on have not been
// yielded yet.
type takenBatch struct {
	taken queue.Batch
	at    int // index in taken.Items of the next one to yield
}

func (h *takenBatch) empty() bool { return h.at >= len(h.taken.Items) }

// NewConsumer returns a Consumer of q. maxFrame is as in SetMaxFrame.
func NewConsumer(q *queue.Queue, maxFrame int) *Consumer {
	c := &Consumer{Queue: q, ended: make(chan struct{})}
	c.SetMaxFrame(maxFrame)
	c.SetBatch(queue.ClaimSize)
	return c
}

// SetMaxFrame bounds how long the frame of each further message may be when its payload is
// inflated, in bytes.
func (c *Consumer) SetMaxFrame(n int) { c.maxFrame.Store(int64(n)) }

// SetBatch bounds how many messages are dequeued at a time, 1 to queue.ClaimSize. Settled
// is called after so many at most.
func (c *Consumer) SetBatch(n int) { c.batch.Store(int32(n)) }

// Stats counts what has been consumed.
func (c *Consumer) Stats() bus.SubscriberStats {
	return bus.SubscriberStats{Delivered: c.delivered.Load(), Lost: c.lost.Load()}
}

// Messages yields what is queued and waits for more. It ends when the queue is closed and
// empty, when ctx ends, or when the consumer is abandoned.
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

// Ended returns a channel that is closed when all of a closed queue has been consumed, or
// when the consumer was abandoned.
func (c *Consumer) Ended() <-chan struct{} { return c.ended }

// Abandon makes the consumer yield no further message and drop what is queued. If another
// goroutine is consuming, that one drops the messages at the end of its turn. Call
// Abandon again when the queue is closed and its producer has stopped.
func (c *Consumer) Abandon() {
	c.closing.Store(true)
	c.settleRequested.Store(true)
	c.Queue.Wake()
	c.settle()
}

// Finish is called at the end of a subscription, when its queue was closed. It closes
// Ended if the queue is empty, even if no goroutine is consuming that would notice.
func (c *Consumer) Finish() {
	c.settleRequested.Store(true)
	c.settle()
}

// settle does what Abandon or Finish requested, as the consuming goroutine. If another
// goroutine holds the lock, that one calls settle after it has released the lock.
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

// Step yields all that is queued, without waiting. It reports false if yield returned
// false, if ctx has ended, or if the consumer was abandoned. The next Step then goes on
// with the rest.
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

// take dequeues a batch of the lane if all of the last one has been yielded. If the batch
// has a gap, take yields the gap.
func (c *Consumer) take(ln bus.Lane, yield func(*bus.Message) bool) (any, goOn bool) {
	h := &c.taken[ln]
	if !h.empty() {
		return true, true
	}
	t, ok := c.Queue.DequeueLane(ln, int(c.batch.Load()))
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

// show yields the dequeued messages of the lane, but stops when an urgent message has
// come meanwhile. However it ends, the yielded messages are counted and released, and the
// others are kept. It yields no further message after Abandon and after the end of ctx.
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
		// The fields are set one by one, because copying a literal takes longer than
		// all the rest of the turn.
		m := &c.message
		m.Gap, m.Frame, m.Payload, m.Sequence, m.Urgent, m.More = nil, f, f.Payload(), items[i].Sequence(), ln == bus.Urgent, i+1 < len(items)
		if f.Flags()&frame.FlagCompressed != 0 {
			// A message whose payload cannot be inflated is delivered without it. The
			// program can see from the frame that there was one.
			c.inflate, _ = frame.Inflate(c.inflate[:0], f, int(c.maxFrame.Load()))
			m.Payload = c.inflate
		}
		done, size = done+1, size+len(f)
		if !yield(m) {
			return false
		}
	}
	return true
}
