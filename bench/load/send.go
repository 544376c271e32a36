package load

import (
	"fmt"
	"time"
)

// Sender is the publishing side of whatever is measured. One goroutine at a time
// uses it.
type Sender interface {
	// Send takes one message. It may keep it back to make a batch, but must have
	// copied it before it returns: the caller writes the next message into the same
	// bytes.
	Send(payload []byte) error
	// Flush is called when nothing more comes for now, so what was kept back should
	// go. A sender that spends a latency budget may go on waiting for the rest of
	// that budget.
	Flush() error
}

// Span is the time of one measurement, as readings of Now. Traffic flows from Begin;
// only what happens from From to To is measured.
type Span struct {
	Begin int64 `json:"begin"`
	From  int64 `json:"from"`
	To    int64 `json:"to"`
}

// NewSpan returns a span that begins after delay, warms up, and then measures.
func NewSpan(delay, warmup, measured time.Duration) Span {
	begin := Now() + int64(delay)
	return Span{Begin: begin, From: begin + int64(warmup), To: begin + int64(warmup+measured)}
}

// Measured returns how long the measured part is.
func (s Span) Measured() time.Duration { return time.Duration(s.To - s.From) }

// Holds reports whether ns lies in the measured part.
func (s Span) Holds(ns int64) bool { return s.From <= ns && ns < s.To }

// Sent is what a generator has done. The last three fields are of an open loop.
type Sent struct {
	Messages uint64  `json:"messages"`          // all that were sent, warm-up and the last message included
	Unsent   uint64  `json:"unsent,omitempty"`  // due, but not sent in time
	Reached  float64 `json:"reached,omitempty"` // with Unsent messages: messages a second that it sent instead

	// From due to sent, in the measured part.
	Lateness *Histogram `json:"lateness,omitempty"`
	// Own is the part of Lateness that is not time inside the Sender: the generator
	// woke late, or had no processor.
	Own *Histogram `json:"own,omitempty"`
}

// checkSize refuses messages that cannot carry a stamp.
func checkSize(size int) error {
	if size < StampSize {
		return fmt.Errorf("load: message size %d: at least %d bytes are needed for the stamp", size, StampSize)
	}
	return nil
}

// sendLast sends the message that marks the end of this publisher.
// Its time lies outside the measured part.
func sendLast(s Sender, payload []byte, stamp Stamp) error {
	stamp.Last = true
	stamp.Put(payload)
	if err := s.Send(payload); err != nil {
		return err
	}
	return s.Flush()
}
