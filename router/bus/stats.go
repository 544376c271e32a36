package bus

import (
	"slices"
	"time"
)

// Latency is a summary of publish-to-delivery times: from the publisher's stamp
// to the moment when the message was written to the subscriber's socket or
// handed to its in-process consumer.
type Latency struct {
	// Samples is how many messages were timed: all of small batches, and one in sixteen
	// of large ones. A message whose stamp is in the future, or more than an hour old, is
	// not timed.
	Samples uint64        `json:"samples"`
	Average time.Duration `json:"average_ns"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	P999    time.Duration `json:"p999_ns"`
	Max     time.Duration `json:"max_ns"`
	// Sum is of all samples. Buckets counts them cumulatively, by LatencyBounds; it is
	// nil without samples.
	Sum     time.Duration `json:"sum_ns"`
	Buckets []uint64      `json:"buckets,omitempty"`
}

// LatencyBounds returns the upper bounds of Latency.Buckets: 1, 2 and 5 times each power
// of ten from 10 µs to 10 s. A bucket may have up to 6 % too few, because the broker
// counts in finer buckets, whose bounds are others. What took longer is in no bucket.
func LatencyBounds() []time.Duration { return slices.Clone(latencyBounds[:]) }

var latencyBounds = [...]time.Duration{
	10e3, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6, 200e6, 500e6, 1e9, 2e9, 5e9, 10e9,
}

// Stats is a snapshot of the broker's counters. It is also the JSON reply to a request for
// StatsTarget.
type Stats struct {
	Broker        string        `json:"broker"`
	Uptime        time.Duration `json:"uptime_ns"`
	Published     uint64        `json:"published"`
	PublishedByte uint64        `json:"published_bytes"`
	// Matched counts a message once for each subscription that it matched.
	// Matched = Delivered + Dropped + Queued.
	Matched   uint64 `json:"matched"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`
	Queued    uint64 `json:"queued"`
	// HandedOver counts messages that were queued for a member which left its queue group,
	// and were routed to another member. They count as matched there.
	HandedOver uint64 `json:"handed_over"`
	// InflatedBytes is how much was inflated for clients that cannot do that.
	InflatedBytes uint64 `json:"inflated_bytes"`
	// DroppedBy splits Dropped by reason.
	DroppedBy map[string]uint64 `json:"dropped_by"`
	// PublishRate and DropRate are messages a second over the last minute. DropRate does
	// not count what subscriptions lose by their own wish, by conflating or because their
	// own client ends them. Nor does it count what a replay no longer has.
	PublishRate float64 `json:"publish_rate"`
	DropRate    float64 `json:"drop_rate"`
	Latency     Latency `json:"latency"`
	// Refused counts frames and requests that the broker refused, by error code.
	Refused      map[string]uint64 `json:"refused"`
	Requests     uint64            `json:"requests"`
	NoResponder  uint64            `json:"no_responder"`
	LateReplies  uint64            `json:"late_replies"`
	OpenRequests int               `json:"open_requests"`
	Retained     int               `json:"retained"`
	// RetainedDropped counts retained values that were removed because of a limit.
	RetainedDropped uint64 `json:"retained_dropped"`
	// BufferBytes is the memory of message buffers. Charged is all memory that the broker
	// keeps for its clients, by use: buffers; sessions, with open requests;
	// subscriptions, with patterns and filters; queues, the slots of messages and
	// conflated topics; routes, the caches of topics; stores, the memory of retained
	// values and replays beside their buffers. The sum is at most MaxBufferBytes, which
	// is Options.MaxMemory.
	BufferBytes    int64            `json:"buffer_bytes"`
	Charged        map[string]int64 `json:"charged_bytes"`
	MaxBufferBytes int64            `json:"max_buffer_bytes"`
	Topics         int              `json:"topics"`
	LastError      string           `json:"last_error,omitempty"`
	LastErrorAge   time.Duration    `json:"last_error_age_ns,omitempty"`
	// LastErr is LastError as a value. Only a snapshot that was taken in the broker's
	// own process has it.
	LastErr       error         `json:"-"`
	Clients       []ClientStats `json:"clients"`
	Subscriptions []SubStats    `json:"subscriptions"`
	// Truncated means that Clients and Subscriptions are not complete, because the reply to
	// a request must fit into a message.
	Truncated bool `json:"truncated,omitempty"`
}

// ClientStats are the counters of one client.
type ClientStats struct {
	Source uint32 `json:"source"`
	Identity
	Published      uint64 `json:"published"`
	PublishedBytes uint64 `json:"published_bytes"`
	Refused        uint64 `json:"refused"`
	// Paused is how often the broker paused the client because of its publish rate.
	Paused uint64 `json:"paused,omitempty"`
}

// SubStats are the counters of one subscription.
type SubStats struct {
	Source         uint32   `json:"source"`
	ID             uint64   `json:"id"`
	Name           string   `json:"name"`
	Patterns       []string `json:"topic_patterns"`
	Overflow       Overflow `json:"overflow"`
	Capacity       int      `json:"capacity"`
	Matched        uint64   `json:"matched"`
	Delivered      uint64   `json:"delivered"`
	Dropped        uint64   `json:"dropped"`
	Queued         int      `json:"queued"`
	QueuedBytes    uint64   `json:"queued_bytes"`
	DeliveredBytes uint64   `json:"delivered_bytes"`
	DroppedBytes   uint64   `json:"dropped_bytes"`
	// InFlight counts those of Queued that were sent and that the program has not consumed
	// yet. ClientLost counts those of Dropped that the client's own queue dropped. Both
	// are nil if the client does not report them; Delivered then counts what was written
	// to its socket. In process they are 0.
	InFlight   *int              `json:"in_flight"`
	ClientLost *uint64           `json:"client_lost"`
	DroppedBy  map[string]uint64 `json:"dropped_by,omitempty"`
}

// EncodeWithin returns what encode returns, which encodes s or a value that holds s. While
// that is longer than limit, half of Clients and Subscriptions is left out. When both are
// empty, the result may still be longer.
func (s *Stats) EncodeWithin(limit int, encode func() ([]byte, error)) ([]byte, error) {
	for {
		b, err := encode()
		if err != nil || len(b) <= limit || len(s.Clients)+len(s.Subscriptions) == 0 {
			return b, err
		}
		s.Clients, s.Subscriptions = s.Clients[:len(s.Clients)/2], s.Subscriptions[:len(s.Subscriptions)/2]
		s.Truncated = true
	}
}
