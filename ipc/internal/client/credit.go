package client

import (
	"sync"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// A client reports to the broker, in credit frames, what the program has taken of each
// subscription and what its own queue has dropped: at once where the subscription has a
// window that would run dry, or where the broker has asked for it because a publisher
// waits, else once in creditInterval.

// creditInterval is how old the broker's statistics of a subscription may be. A person who
// looks at them does not see a second, and one frame a second costs nothing.
const creditInterval = time.Second

// credit counts what has become of a subscription's messages since it began on the
// current connection. The consumer and the reading goroutine settle messages.
type credit struct {
	mu     sync.Mutex
	window uint32        // guarded by mu; of the bulk lane, 0: none
	lanes  [2]laneCredit // guarded by mu
}

// laneCredit counts one lane.
type laneCredit struct {
	from     uint64 // number of the first message that counts: those before came by another connection
	total    frame.Credit
	reported uint64 // consumed and lost, by the last report
	asked    uint64 // the broker wants a report at so many; 0: at none
}

func (l *laneCredit) settled() uint64 { return l.total.Consumed + l.total.Lost }

// begin starts the counts anew, for a subscription that begins on a new connection:
// next are the numbers of the lanes' next messages.
func (k *credit) begin(id uint64, next [2]uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.window = 0
	for ln := range k.lanes {
		k.lanes[ln] = laneCredit{from: next[ln], total: frame.Credit{Subscription: id, Lane: bus.Lane(ln)}}
	}
}

// setWindow is called with the ack of the subscription. It reports whether a report is due
// for messages that came before the ack: they may be all that the window lets through.
func (k *credit) setWindow(window uint32) (due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.window = window
	return k.due(bus.Bulk)
}

// consumed counts n messages of together size bytes that the program has taken. It
// reports whether the broker must know at once.
func (k *credit) consumed(ln bus.Lane, n int, size uint64) (due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.lanes[ln]
	l.total.Consumed += uint64(n)
	l.total.ConsumedBytes += size
	return k.due(ln)
}

// lost counts n messages of together size bytes that the client has lost.
func (k *credit) lost(ln bus.Lane, n int, size uint64) (due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.lanes[ln]
	l.total.Lost += uint64(n)
	l.total.LostBytes += size
	return k.due(ln)
}

// due is for the caller that holds mu.
func (k *credit) due(ln bus.Lane) bool {
	l := &k.lanes[ln]
	return ln == bus.Bulk && frame.CreditDue(l.settled()-l.reported, k.window) || l.asked > 0 && l.settled() >= l.asked
}

// ask is called when the broker wants a report at so many messages consumed and lost. It
// reports whether that is due.
func (k *credit) ask(ln bus.Lane, at uint64) (due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at <= k.lanes[ln].reported {
		return false // it is on its way
	}
	k.lanes[ln].asked = at
	return k.due(ln)
}

// settle counts those of items that came by the current connection: as lost, or else as
// consumed. It reports whether there were any, and whether the broker must know at once.
// The consumer may settle items while the next connection begins: what came before must
// not count there, because the broker refuses a report of more than it has sent.
func (k *credit) settle(ln bus.Lane, items []queue.Item, lost bool) (any, due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := &k.lanes[ln]
	count, bytes := &l.total.Consumed, &l.total.ConsumedBytes
	if lost {
		count, bytes = &l.total.Lost, &l.total.LostBytes
	}
	for i := range items {
		if items[i].Sequence() >= l.from {
			any = true
			*count++
			*bytes += uint64(items[i].Len)
		}
	}
	return any, any && k.due(ln)
}

// appendFrames appends credit frames for the lanes whose counts have changed since the
// last report.
func (k *credit) appendFrames(dst []byte, now int64) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	for ln := range k.lanes {
		l := &k.lanes[ln]
		if l.settled() == l.reported {
			continue
		}
		l.reported = l.settled()
		if l.reported >= l.asked {
			l.asked = 0
		}
		dst = frame.AppendControl(dst, frame.TypeCredit, 0, now, frame.CreditSize)
		dst = frame.AppendCredit(dst, l.total)
	}
	return dst
}

// settledItems counts what the consumer has shown.
func (s *subscription) settledItems(ln bus.Lane, items []queue.Item) {
	if any, due := s.credit.settle(ln, items, false); any {
		s.reportCredit(due)
	}
}

// droppedItems counts what the client's own queue has dropped.
func (s *subscription) droppedItems(ln bus.Lane, items []queue.Item) {
	if any, due := s.credit.settle(ln, items, true); any {
		s.reportCredit(due)
	}
}

// reportCredit reports at once when that is due, and otherwise within
// creditInterval.
func (s *subscription) reportCredit(due bool) {
	c := s.c
	if !c.terms.Load().has(frame.FeatureCredit) {
		return
	}
	if due {
		_ = c.out.EnqueueUrgent(s.credit.appendFrames, true) // without a connection there is no broker to bound
		return
	}
	if c.creditArmed.CompareAndSwap(false, true) {
		c.creditTimer.Reset(creditInterval)
	}
}

// creditTimeUp is reportAllCredit on the timer's goroutine, which Close waits for.
func (c *Client) creditTimeUp() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.workers.Add(1)
	c.mu.Unlock()
	defer c.workers.Done()
	c.reportAllCredit()
}

// reportAllCredit reports what has changed, of all subscriptions.
func (c *Client) reportAllCredit() {
	c.creditArmed.Store(false)
	c.mu.Lock()
	subs := make([]*subscription, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
	}
	c.mu.Unlock()
	for _, s := range subs {
		_ = c.out.EnqueueUrgent(s.credit.appendFrames, false) // as above
	}
}
