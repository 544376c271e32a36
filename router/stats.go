package router

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// counters are the broker's books. Owned by the routing thread.
type counters struct {
	startedAt       int64
	total           flow // but for what was dropped: the subscriptions have that
	minute          window
	retired         Count // of subscriptions that have ended
	requests        uint64
	noResponder     uint64
	lateReplies     uint64
	retainedDropped uint64
	refusals        map[frame.Code]uint64
	lastError       string
	lastErrorAt     int64
}

// flow counts messages and their bytes, and of those what was dropped.
type flow struct{ messages, bytes, dropped uint64 }

// window sums a flow over the last minute, in slots of a second.
type window struct {
	slots [60]flow
	sum   flow
	at    int64 // second of the current slot, from the start
}

// portCounters are one port's.
type portCounters struct{ published, bytes, refused, paused uint64 }

func (c *counters) start(now int64) {
	c.startedAt = now
	c.refusals = make(map[frame.Code]uint64)
}

func (c *counters) published(n, bytes uint64) {
	c.total.messages += n
	c.total.bytes += bytes
	c.minute.add(flow{messages: n, bytes: bytes})
}

func (c *counters) dropped(n uint64) {
	c.minute.add(flow{dropped: n})
}

func (c *counters) refuse(err error) { c.refusals[frame.CodeOf(err)]++ }

// Refused counts a fault of a client that has no port yet, or that the caller
// found. Routing thread only.
func (b *Broker) Refused(err error) { b.stats.refuse(err) }

// Fault records an error of the broker's own side for its statistics. Routing
// thread only.
func (b *Broker) Fault(err error) {
	b.stats.lastError, b.stats.lastErrorAt = err.Error(), Now()
}

func (c *counters) advance(now int64) { c.minute.advance((now - c.startedAt) / int64(time.Second)) }

// retire keeps the books of a subscription that has ended. What was lost with its
// connection counts as dropped; what it left when it was ended by its own client
// does not.
func (c *counters) retire(s *Sub, n *Count) {
	if s.why != nil {
		c.dropped(n.ByReason[frame.ReasonConnection])
	}
	c.retired.Matched += n.Matched
	c.retired.Delivered += n.Delivered
	c.retired.Dropped += n.Dropped
	for i, v := range n.ByReason {
		c.retired.ByReason[i] += v
	}
}

// closeBooks retires the stopped subscriptions whose consumer has taken, or
// given up, all that was queued.
func (b *Broker) closeBooks() {
	b.leaving = slices.DeleteFunc(b.leaving, b.closeBook)
}

// closeBook is closeBooks for one of them.
func (b *Broker) closeBook(s *Sub) (closed bool) {
	n := s.Queue.Count()
	if n.Matched != n.Delivered+n.Dropped {
		return false
	}
	b.stats.retire(s, &n)
	return true
}

// closeBookOf is closeBooks for s, which was stopped last: a client that comes and
// goes must not have to wait for it.
func (b *Broker) closeBookOf(s *Sub) {
	if last := len(b.leaving) - 1; last >= 0 && b.leaving[last] == s && b.closeBook(s) {
		b.leaving[last] = nil
		b.leaving = b.leaving[:last]
	}
}

func (w *window) add(f flow) {
	s := &w.slots[w.at%int64(len(w.slots))]
	for _, t := range []*flow{s, &w.sum} {
		t.messages += f.messages
		t.bytes += f.bytes
		t.dropped += f.dropped
	}
}

func (w *window) advance(second int64) {
	if second-w.at >= int64(len(w.slots)) {
		*w = window{at: second}
		return
	}
	for w.at < second {
		w.at++
		s := &w.slots[w.at%int64(len(w.slots))]
		w.sum.messages -= s.messages
		w.sum.bytes -= s.bytes
		w.sum.dropped -= s.dropped
		*s = flow{}
	}
}

// Stats is a snapshot of the broker's books; it is also the JSON answer to a
// request for StatsTarget.
type Stats struct {
	Broker        string        `json:"broker"`
	Uptime        time.Duration `json:"uptime_ns"`
	Published     uint64        `json:"published"`
	PublishedByte uint64        `json:"published_bytes"`
	// Matched counts a message once for each subscription that it was for.
	// Matched = Delivered + Dropped + Queued.
	Matched   uint64 `json:"matched"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`
	Queued    uint64 `json:"queued"`
	// DroppedBy splits Dropped by reason.
	DroppedBy map[string]uint64 `json:"dropped_by"`
	// PublishRate and DropRate are messages a second over the last minute. What
	// subscriptions lose by their own wish does not count as dropped: by conflating,
	// or when their own client ends them; nor what a replay has no longer.
	PublishRate float64 `json:"publish_rate"`
	DropRate    float64 `json:"drop_rate"`
	Latency     Latency `json:"latency"`
	// Refused counts frames and requests that were at fault, by error code.
	Refused      map[string]uint64 `json:"refused"`
	Requests     uint64            `json:"requests"`
	NoResponder  uint64            `json:"no_responder"`
	LateReplies  uint64            `json:"late_replies"`
	OpenRequests int               `json:"open_requests"`
	Retained     int               `json:"retained"`
	// RetainedDropped counts values that went because of a limit.
	RetainedDropped uint64        `json:"retained_dropped"`
	BufferBytes     int64         `json:"buffer_bytes"`
	MaxBufferBytes  int64         `json:"max_buffer_bytes"`
	Topics          int           `json:"topics"`
	LastError       string        `json:"last_error,omitempty"`
	LastErrorAge    time.Duration `json:"last_error_age_ns,omitempty"`
	Clients         []ClientStats `json:"clients"`
	Subscriptions   []SubStats    `json:"subscriptions"`
	// Truncated says that Clients and Subscriptions are not complete: the answer
	// to a request must fit into a message.
	Truncated bool `json:"truncated,omitempty"`
}

// ClientStats are one client's.
type ClientStats struct {
	Source uint32 `json:"source"`
	Identity
	Published      uint64 `json:"published"`
	PublishedBytes uint64 `json:"published_bytes"`
	Refused        uint64 `json:"refused"`
	// Paused is how often the client was made to wait for its publish rate.
	Paused uint64 `json:"paused,omitempty"`
}

// SubStats are one subscription's.
type SubStats struct {
	Source         uint32            `json:"source"`
	ID             uint64            `json:"id"`
	Name           string            `json:"name"`
	Patterns       []string          `json:"topic_patterns"`
	Overflow       Overflow          `json:"overflow"`
	Capacity       int               `json:"capacity"`
	Matched        uint64            `json:"matched"`
	Delivered      uint64            `json:"delivered"`
	Dropped        uint64            `json:"dropped"`
	Queued         int               `json:"queued"`
	QueuedBytes    uint64            `json:"queued_bytes"`
	DeliveredBytes uint64            `json:"delivered_bytes"`
	DroppedBytes   uint64            `json:"dropped_bytes"`
	DroppedBy      map[string]uint64 `json:"dropped_by,omitempty"`
}

// Name returns what the subscriber calls itself, or else its client's name.
func (s *Sub) Name() string { return cmp.Or(s.spec.SubscriberID, s.port.who.Name) }

// Stats takes a snapshot. It waits for the routing thread's next turn.
func (b *Broker) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	if err := b.do(ctx, nil, func() { s = b.snapshot() }); err != nil {
		return Stats{}, err // s may be being written
	}
	return s, nil
}

func (b *Broker) snapshot() Stats {
	now := Now()
	c := &b.stats
	c.advance(now)
	b.closeBooks()
	seconds := min(60, max(1, float64(now-c.startedAt)/float64(time.Second)))
	s := Stats{
		Broker: b.opts.Name, Uptime: time.Duration(now - c.startedAt),
		Published: c.total.messages, PublishedByte: c.total.bytes,
		PublishRate: float64(c.minute.sum.messages) / seconds, DropRate: float64(c.minute.sum.dropped) / seconds,
		Latency: b.latency.summary(), Refused: map[string]uint64{}, DroppedBy: map[string]uint64{},
		Requests: c.requests, NoResponder: c.noResponder, LateReplies: c.lateReplies, OpenRequests: len(b.pending),
		Retained: len(b.retained.values), RetainedDropped: c.retainedDropped, BufferBytes: b.pool.Live(), MaxBufferBytes: b.opts.MaxMemory,
		Topics: len(b.index.routes), LastError: c.lastError,
	}
	if c.lastError != "" {
		s.LastErrorAge = time.Duration(now - c.lastErrorAt)
	}
	for code, n := range c.refusals {
		s.Refused[code.String()] = n
	}
	add := func(n *Count) {
		s.Matched += n.Matched
		s.Delivered += n.Delivered
		s.Dropped += n.Dropped
		s.Queued += n.Matched - n.Delivered - n.Dropped
		addReasons(s.DroppedBy, n)
	}
	add(&c.retired)
	for _, sub := range b.leaving {
		n := sub.Queue.Count()
		add(&n)
	}
	for _, p := range b.ports {
		s.Clients = append(s.Clients, ClientStats{p.id, p.who, p.stats.published, p.stats.bytes, p.stats.refused, p.stats.paused})
	}
	slices.SortFunc(s.Clients, func(x, y ClientStats) int { return cmp.Compare(x.Source, y.Source) })
	for _, sub := range b.index.subs {
		n := sub.Queue.Count()
		add(&n)
		ss := sub.stats(&n)
		addReasons(ss.DroppedBy, &n)
		s.Subscriptions = append(s.Subscriptions, ss)
	}
	slices.SortFunc(s.Subscriptions, func(x, y SubStats) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
	})
	return s
}

// stats returns the subscription's books, but for the reasons of its drops.
func (s *Sub) stats(n *Count) SubStats {
	return SubStats{
		Source: s.port.id, ID: s.ID, Name: s.Name(), Patterns: s.spec.Patterns, Overflow: s.spec.overflow(),
		Capacity: s.Queue.lanes[Bulk].capacity, Matched: n.Matched, Delivered: n.Delivered, Dropped: n.Dropped,
		Queued: n.Queued + n.Taken, QueuedBytes: n.QueuedBytes, DeliveredBytes: n.DeliveredBytes, DroppedBytes: n.DroppedBytes,
		DroppedBy: map[string]uint64{},
	}
}

func addReasons(into map[string]uint64, n *Count) {
	for r, v := range n.ByReason {
		if v > 0 {
			into[Reason(r).String()] += v
		}
	}
}
