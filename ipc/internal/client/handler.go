package client

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// A handler is called with the bytes that were read, by a loop beside the one of
// endpoint.Consumer, because that takes its messages out of a queue. On the way from the
// read to the handler a message of 128 bytes takes 12 ns so, and 20 if one callback gets
// batches of queue.Item for both: 16 and 24 ns where a read brings 16 messages
// (BenchmarkReceive, minima of six rounds in turn). Through a queue that the reading
// goroutine empties itself it took three times as long. One callback is no less code,
// because a queue has its gaps and its order of lanes, and a handler has neither.

// handleMessages calls the handler with the messages that b begins with, which are the
// next ones of stream st, a batch at most. It returns how many bytes they took, and
// whether there may be more. Reading goroutine only.
func (s *subscription) handleMessages(b []byte, maxSize int, st *frame.Stream) (size int, more bool) {
	m := &s.message
	urgent, base, replay := st.Lane == bus.Urgent, s.laneBase[st.Lane], s.spec.ReplayFrom > 0
	left := s.batch
	for left > 0 && !s.cancelled.Load() {
		f, err := frame.Next(b[size:], maxSize)
		if err != nil || f.Type() != frame.TypePublish {
			break
		}
		left--
		size += len(f)
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
		s.handler(m)
	}
	n := s.batch - left
	if n == 0 {
		return 0, false
	}
	s.laneNext[st.Lane] = base + st.Next
	s.delivered.Add(uint64(n))
	s.reportCredit(s.credit.consumed(st.Lane, n, uint64(size)))
	return size, left == 0
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
