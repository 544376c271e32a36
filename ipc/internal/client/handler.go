package client

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// handleMessages calls the handler with the messages that b begins with, which are the
// next ones of stream st, and returns how many bytes they took. Reading goroutine only.
func (s *subscription) handleMessages(b []byte, maxSize int, st *frame.Stream) (n int) {
	m := &s.message
	urgent, base, replay := st.Lane == bus.Urgent, s.laneBase[st.Lane], s.spec.ReplayFrom > 0
	for !s.cancelled.Load() {
		f, err := frame.Next(b[n:], maxSize)
		if err != nil || f.Type() != frame.TypePublish {
			break
		}
		n += len(f)
		if replay {
			s.lastSequence = max(s.lastSequence, f.Sequence())
		}
		// Field by field, because for a literal that is copied the processor waits longer
		// than for all the rest.
		m.Gap, m.Frame, m.Payload, m.Sequence, m.Urgent, m.More = nil, f, f.Payload(), base+st.Next, urgent, false
		st.Next++
		if f.Flags()&frame.FlagCompressed != 0 {
			// As with a Consumer, what cannot be inflated is delivered without a payload.
			s.inflated, _ = frame.Inflate(s.inflated[:0], f, s.c.calls.MaxFrame)
			m.Payload = s.inflated
		}
		s.handled++
		s.handledBytes += uint64(len(f))
		s.handler(m)
	}
	s.laneNext[st.Lane] = base + st.Next
	return n
}

// endHandled brings the counts up to date, after a run of a lane's messages. Reading
// goroutine only.
func (s *subscription) endHandled(ln bus.Lane) {
	n := s.handled - s.delivered.Load()
	if n == 0 {
		return
	}
	s.delivered.Store(s.handled)
	s.reportCredit(s.credit.consumed(ln, int(n), s.handledBytes))
	s.handledBytes = 0
}

// handleGap calls the handler with a loss. Reading goroutine only.
func (s *subscription) handleGap(g *frame.Gap) {
	if s.cancelled.Load() {
		return
	}
	s.lost.Add(g.Count)
	first, last := g.First+s.laneBase[g.Lane], g.Last+s.laneBase[g.Lane]
	if g.Count > 0 {
		s.laneNext[g.Lane] = last + 1
	}
	s.handler(&bus.Message{Urgent: g.Lane == bus.Urgent, Gap: &bus.Gap{
		First: first, Last: last, Count: g.Count, Bytes: g.Bytes, Urgent: g.Lane == bus.Urgent, Reason: g.Reason,
	}})
}
