package load

import (
	"sync/atomic"
	"time"
)

// Acker takes the acknowledgements of one subscriber.
type Acker interface {
	// Ack notes that this subscriber has seen every message of publisher below
	// sequence upTo.
	Ack(publisher uint32, upTo uint64) error
}

// ReceiverOptions sets up a Receiver.
type ReceiverOptions struct {
	// Publishers is how many there are, default 1. Done waits for the last message of
	// each.
	Publishers int
	// Every is how many messages lie between two acknowledgements to a publisher, and
	// between two readings of the clock; default 256.
	Every uint64
	// Acker takes the acknowledgements; nil: nothing is acknowledged.
	Acker Acker
	// Latency records the latency of each message, which costs one reading of the clock
	// a message.
	Latency bool
}

// Received is what a Receiver has seen.
type Received struct {
	Messages  uint64     `json:"messages"`
	Bytes     uint64     `json:"bytes"`     // of payload
	Missing   uint64     `json:"missing"`   // skipped sequence numbers
	Repeated  uint64     `json:"repeated"`  // sequence numbers at or below one already seen: out of order or twice
	Foreign   uint64     `json:"foreign"`   // without a stamp, or of a publisher that does not exist
	Announced uint64     `json:"announced"` // losses that the system has announced
	Ended     int        `json:"ended"`     // publishers whose last message has come
	Rate      float64    `json:"rate"`      // messages a second in the measured part
	Latency   *Histogram `json:"latency,omitempty"`
}

// Receiver checks and measures what a subscriber gets. Receive and Lost are for one
// goroutine at a time, Result for that goroutine or for after Done; the other
// methods are safe for concurrent use.
type Receiver struct {
	options ReceiverOptions
	span    atomic.Pointer[Span]
	seen    atomic.Uint64
	done    chan struct{}

	// owned by the goroutine that calls Receive
	sources   []source
	result    Received
	sinceMark uint64
	first     mark
	last      mark
	err       error
}

// source is one publisher, as seen from here.
type source struct {
	next  uint64 // sequence expected next
	acked uint64
	ended bool
}

// mark is a moment at which the clock was read, and what had come by then.
type mark struct {
	at       int64
	messages uint64
}

// NewReceiver returns a receiver that counts, and measures nothing until Measure
// gives it a span.
func NewReceiver(o ReceiverOptions) *Receiver {
	if o.Publishers == 0 {
		o.Publishers = 1
	}
	if o.Every == 0 {
		o.Every = 256
	}
	r := &Receiver{options: o, sources: make([]source, o.Publishers), done: make(chan struct{})}
	r.span.Store(&Span{})
	if o.Latency {
		r.result.Latency = new(Histogram)
	}
	return r
}

// Measure sets the time that is measured.
func (r *Receiver) Measure(s Span) { r.span.Store(&s) }

// Seen returns about how many messages have come, for showing progress: it moves in
// steps of ReceiverOptions.Every.
func (r *Receiver) Seen() uint64 { return r.seen.Load() }

// Done is closed when the last message of every publisher has come.
func (r *Receiver) Done() <-chan struct{} { return r.done }

// Receive takes one message; payload is not kept.
func (r *Receiver) Receive(payload []byte) {
	s, ok := ReadStamp(payload)
	if !ok || int64(s.Publisher) >= int64(len(r.sources)) {
		r.result.Foreign++
		return
	}
	r.result.Messages++
	r.result.Bytes += uint64(len(payload))
	if r.options.Latency && r.span.Load().Holds(s.Time) {
		r.result.Latency.Record(time.Duration(Now() - s.Time))
	}
	from := &r.sources[s.Publisher]
	if s.Sequence >= from.next {
		r.result.Missing += s.Sequence - from.next
		from.next = s.Sequence + 1
	} else {
		r.result.Repeated++
	}
	if from.next-from.acked >= r.options.Every || s.Last {
		r.ack(s.Publisher, from)
	}
	if r.sinceMark++; r.sinceMark == r.options.Every {
		r.mark()
	}
	if s.Last && !from.ended {
		from.ended = true
		r.end()
	}
}

// Lost takes the system's word that it has lost n messages of this subscriber.
func (r *Receiver) Lost(n uint64) { r.result.Announced += n }

// Result returns what was seen so far, and the first error of the Acker.
func (r *Receiver) Result() (Received, error) {
	out := r.result
	if d := r.last.at - r.first.at; d > 0 {
		out.Rate = float64(r.last.messages-r.first.messages) / time.Duration(d).Seconds()
	}
	return out, r.err
}

func (r *Receiver) ack(publisher uint32, from *source) {
	from.acked = from.next
	if r.options.Acker == nil {
		return
	}
	if err := r.options.Acker.Ack(publisher, from.next); err != nil && r.err == nil {
		r.err = err
	}
}

// mark reads the clock. The rate is taken between the first and the last mark of the
// measured part, so it does not depend on where that part happens to cut between two
// marks.
func (r *Receiver) mark() {
	r.sinceMark = 0
	r.seen.Store(r.result.Messages)
	now := mark{at: Now(), messages: r.result.Messages}
	if !r.span.Load().Holds(now.at) {
		return
	}
	if r.first.at == 0 {
		r.first = now
	}
	r.last = now
}

func (r *Receiver) end() {
	r.result.Ended++
	if r.result.Ended == len(r.sources) {
		r.seen.Store(r.result.Messages)
		close(r.done)
	}
}
