package bus

import "time"

// Latency is a summary of publish-to-delivery times: from the publisher's stamp
// to the moment when the message was written to the subscriber's socket or
// handed to its in-process consumer.
type Latency struct {
	// Samples is how many were timed: all messages of small batches, and one in
	// sixteen of large ones. A stamp in the future, or more than an hour back, is
	// not believed and not counted.
	Samples uint64        `json:"samples"`
	Average time.Duration `json:"average_ns"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	P999    time.Duration `json:"p999_ns"`
	Max     time.Duration `json:"max_ns"`
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
	// HandedOver counts messages that were queued for a member of a queue group which
	// left, and went to another one. They count as matched there.
	HandedOver uint64 `json:"handed_over"`
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
	RetainedDropped uint64 `json:"retained_dropped"`
	// BufferBytes is what message buffers take, and Charged all memory that the broker
	// keeps for its clients, by what it is for: buffers; sessions, with open requests;
	// subscriptions, with patterns and filters; queues, the slots of messages and
	// conflated topics; routes, the caches of topics; stores, what retained values and
	// replays take beside their buffers. The sum is at most MaxBufferBytes, which is
	// Options.MaxMemory.
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
	// InFlight are those of Queued that were sent and that the program has not taken
	// yet, and ClientLost those of Dropped that the client's own queue dropped. Both are
	// nil where the client does not report them: then Delivered counts what was written
	// to its socket. In process they are 0.
	InFlight   *int              `json:"in_flight"`
	ClientLost *uint64           `json:"client_lost"`
	DroppedBy  map[string]uint64 `json:"dropped_by,omitempty"`
}
