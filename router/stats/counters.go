package stats

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Counters are the counters of a broker. The routing thread owns them, except for Latency.
type Counters struct {
	// Requests were made, and NoResponder of them had none. LateReplies came when their
	// request was closed.
	Requests, NoResponder, LateReplies uint64
	// RetainedDropped counts retained values that were removed because of a limit.
	RetainedDropped uint64
	// Inflated is in bytes.
	Inflated uint64
	// HandedOver counts messages that a member of a queue group left to the others.
	HandedOver uint64
	// Latency has the times from publish to delivery. Safe for concurrent use.
	Latency Histogram

	startedAt   int64
	total       Flow // without what was dropped, which subscriptions count
	minute      window
	ended       queue.Counts // of subscriptions that have ended
	refusals    map[frame.Code]uint64
	lastError   error
	lastErrorAt int64
}

// Start makes now the beginning of the counters' time.
func (c *Counters) Start(now int64) {
	c.startedAt = now
	c.refusals = make(map[frame.Code]uint64)
}

// CountPublished counts n messages of that many bytes.
func (c *Counters) CountPublished(n, bytes uint64) {
	f := Flow{Messages: n, Bytes: bytes}
	c.total.add(&f)
	c.minute.add(&f)
}

// Total returns all that was published.
func (c *Counters) Total() Flow { return c.total }

// CountDropped counts n messages for the rate of the last minute.
func (c *Counters) CountDropped(n uint64) { c.minute.add(&Flow{Dropped: n}) }

// CountRefused counts a refusal because of err.
func (c *Counters) CountRefused(err error) { c.refusals[frame.CodeOf(err)]++ }

// RecordFault records an error of the broker's own side.
func (c *Counters) RecordFault(err error) { c.lastError, c.lastErrorAt = err, bus.Now() }

// Advance moves the last minute on to now.
func (c *Counters) Advance(now int64) { c.minute.advance((now - c.startedAt) / int64(time.Second)) }

// CountEnded adds the final counts of a subscription. If the broker ended it, what was lost with
// its connection counts as dropped in the last minute.
func (c *Counters) CountEnded(n *queue.Counts, byBroker bool) {
	if byBroker {
		c.CountDropped(n.ByReason[frame.ReasonConnection])
	}
	c.ended.Matched += n.Matched
	c.ended.Delivered += n.Delivered
	c.ended.Dropped += n.Dropped
	for i, v := range n.ByReason {
		c.ended.ByReason[i] += v
	}
}

// Snapshot returns what the counters know at now. The counts of the subscriptions that are
// still there are added with Add.
func (c *Counters) Snapshot(now int64) *Snapshot {
	c.Advance(now)
	seconds := min(60, max(1, float64(now-c.startedAt)/float64(time.Second)))
	s := &Snapshot{bus.Stats{
		Uptime:    time.Duration(now - c.startedAt),
		Published: c.total.Messages, PublishedByte: c.total.Bytes,
		PublishRate: float64(c.minute.sum.Messages) / seconds, DropRate: float64(c.minute.sum.Dropped) / seconds,
		Latency: c.Latency.Summary(), Refused: map[string]uint64{}, DroppedBy: map[string]uint64{},
		Requests: c.Requests, NoResponder: c.NoResponder, LateReplies: c.LateReplies,
		RetainedDropped: c.RetainedDropped, HandedOver: c.HandedOver, InflatedBytes: c.Inflated,
	}}
	if c.lastError != nil {
		s.LastErr, s.LastError = c.lastError, c.lastError.Error()
		s.LastErrorAge = time.Duration(now - c.lastErrorAt)
	}
	for code, n := range c.refusals {
		s.Refused[code.String()] = n
	}
	s.Add(&c.ended)
	return s
}

// Snapshot is the statistics of a broker while they are being collected.
type Snapshot struct{ bus.Stats }

// Add adds the counts of a subscription.
func (s *Snapshot) Add(n *queue.Counts) {
	s.Matched += n.Matched
	s.Delivered += n.Delivered
	s.Dropped += n.Dropped
	s.Queued += n.Matched - n.Delivered - n.Dropped
	addReasons(s.DroppedBy, n)
}

// AddSubscription adds a subscription, whose counts are n.
func (s *Snapshot) AddSubscription(sub bus.SubStats, n *queue.Counts) {
	s.Add(n)
	addReasons(sub.DroppedBy, n)
	s.Subscriptions = append(s.Subscriptions, sub)
}

func addReasons(into map[string]uint64, n *queue.Counts) {
	for r, v := range n.ByReason {
		if v > 0 {
			into[bus.Reason(r).String()] += v
		}
	}
}
