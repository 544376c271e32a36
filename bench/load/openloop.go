package load

import (
	"context"
	"fmt"
	"math"
	"time"
)

// OpenLoop sends by the clock: message i is due at Span.Begin + Phase + i/Rate, however
// slow the receiver is. A generator that waited for the receiver would leave out just
// the messages that would have had to wait longest.
type OpenLoop struct {
	Rate      float64       // messages a second, > 0
	Size      int           // bytes a message, at least StampSize
	Publisher uint32        // index of this publisher, for the stamp
	Phase     time.Duration // shifts the schedule, so that several publishers do not send in step
	Span      Span
}

// overtime is how long after Span.To an open loop goes on sending what was due before.
const overtime = time.Second

// Run sends until Span.To. When it wakes late it sends everything that is due at once,
// each message with the time at which it was due, and records how late it was; what it
// has not sent a second after Span.To is Sent.Unsent. It occupies a thread. It returns
// the first error of s, or that of ctx.
func (o OpenLoop) Run(ctx context.Context, s Sender) (Sent, error) {
	sent := Sent{Lateness: new(Histogram), Own: new(Histogram)}
	if err := checkSize(o.Size); err != nil {
		return sent, err
	}
	if o.Rate <= 0 {
		return sent, fmt.Errorf("load: open loop at %g messages a second", o.Rate)
	}
	defer sharpTimers()()
	payload := make([]byte, o.Size)
	interval := float64(time.Second) / o.Rate
	first := o.Span.Begin + int64(o.Phase)
	inSender := int64(0) // ns that s has taken since the schedule was last kept
	for now := Now(); ; {
		// Computed from the start each time: adding an interval up would drift by
		// its rounding.
		due := first + int64(float64(sent.Messages)*interval)
		if due >= o.Span.To {
			break
		}
		if now > o.Span.To+int64(overtime) && sent.Messages > 0 {
			sent.Reached = float64(sent.Messages) / time.Duration(now-first).Seconds()
			sent.Unsent = uint64(math.Ceil(float64(o.Span.To-first)/interval)) - sent.Messages
			break
		}
		if sent.Messages%chunk == 0 && ctx.Err() != nil { // it may never sleep
			return sent, ctx.Err()
		}
		if due > now {
			if err := s.Flush(); err != nil {
				return sent, err
			}
			inSender = max(0, Now()-due)
			if err := SleepUntil(ctx, due); err != nil {
				return sent, err
			}
			now = Now()
		}
		if o.Span.Holds(due) {
			sent.Lateness.Record(time.Duration(now - due))
			sent.Own.Record(time.Duration(now - due - inSender))
		}
		Stamp{Sequence: sent.Messages, Time: due, Publisher: o.Publisher}.Put(payload)
		if err := s.Send(payload); err != nil {
			return sent, err
		}
		sent.Messages++
		before := now
		now = Now()
		inSender += now - before
	}
	err := sendLast(s, payload, Stamp{Sequence: sent.Messages, Time: o.Span.To, Publisher: o.Publisher})
	sent.Messages++
	return sent, err
}
