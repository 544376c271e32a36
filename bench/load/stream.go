package load

import (
	"context"
	"time"
)

// Credits lets a publisher know how far its subscribers have come. It does not pass
// through the system that is measured, and is the same for each.
type Credits interface {
	// Await blocks until every subscriber has acknowledged at least n messages of
	// this publisher, and returns how many all of them have acknowledged. When that
	// takes longer than Patience it returns with fewer.
	Await(ctx context.Context, n uint64) (uint64, error)
}

// Patience is how long a publisher waits for an acknowledgement before it takes what
// it has sent for lost. A system that has lost a whole window leaves nobody who
// could acknowledge it.
const Patience = time.Second

// Stream sends as fast as it can, with at most Window messages that not every
// subscriber has acknowledged. Such a window measures what a system can move without
// loss. Without a window it floods.
type Stream struct {
	Size      int    // bytes a message, at least StampSize
	Publisher uint32 // index of this publisher, for the stamp
	Window    uint64 // 0: no window, Credits is not used
	Credits   Credits
	Span      Span
}

// chunk is how many messages share one reading of the clock.
const chunk = 64

// Run sends from Span.Begin until Span.To. It returns the first error of s, of the
// credits, or that of ctx.
func (t Stream) Run(ctx context.Context, s Sender) (Sent, error) {
	var sent Sent
	if err := checkSize(t.Size); err != nil {
		return sent, err
	}
	if err := SleepUntil(ctx, t.Span.Begin); err != nil {
		return sent, err
	}
	payload := make([]byte, t.Size)
	var acked uint64
	for now := Now(); now < t.Span.To; now = Now() {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		room, err := t.room(ctx, s, sent.Messages, &acked)
		if err != nil {
			return sent, err
		}
		for range min(room, chunk) {
			Stamp{Sequence: sent.Messages, Time: now, Publisher: t.Publisher}.Put(payload)
			if err := s.Send(payload); err != nil {
				return sent, err
			}
			sent.Messages++
		}
	}
	if _, err := t.room(ctx, s, sent.Messages, &acked); err != nil {
		return sent, err
	}
	err := sendLast(s, payload, Stamp{Sequence: sent.Messages, Time: t.Span.To, Publisher: t.Publisher})
	sent.Messages++
	return sent, err
}

// room returns how many messages may be sent, at least 1. When the window is used up
// it flushes, since what is kept back can't be acknowledged, and waits.
func (t Stream) room(ctx context.Context, s Sender, sent uint64, acked *uint64) (uint64, error) {
	if t.Window == 0 {
		return chunk, nil
	}
	if sent-*acked >= t.Window {
		if err := s.Flush(); err != nil {
			return 0, err
		}
		least := sent - t.Window + 1
		n, err := t.Credits.Await(ctx, least)
		if err != nil {
			return 0, err
		}
		if *acked = max(*acked, n); *acked < least {
			*acked = sent // the receivers see what is missing
		}
	}
	return t.Window - (sent - *acked), nil
}
