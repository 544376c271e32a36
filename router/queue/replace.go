package queue

import (
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// What is stored compressed is inflated when it is dequeued. This is for queues whose
// producer and consumer are one goroutine.

// ReplaceTaken puts all of buf, the same message in another form, in the place of a
// dequeued one, and takes over the caller's reference.
func (q *Queue) ReplaceTaken(ln bus.Lane, it *Item, buf *buffer.Buffer) {
	more := uint64(len(buf.B)) - uint64(it.Len)
	q.lanes[ln].replacedBytes += more
	if q.reported {
		q.lanes[ln].reporting().dequeuedBytes += more
	}
	it.Buf.Release(1)
	it.Buf, it.Off, it.Len = buf, 0, uint32(len(buf.B))
}

// DropTaken counts the only message of t, which was just dequeued, as dropped and
// releases it. It becomes the last of t's gap.
func (q *Queue) DropTaken(t *Batch, why bus.Reason) {
	l, it := &q.lanes[t.Lane], &t.Items[0]
	if !t.HasGap {
		t.HasGap = true
		t.Gap = bus.Gap{First: it.seq, Urgent: t.Lane == bus.Urgent}
	}
	g := &t.Gap
	g.Last, g.Reason = it.seq, why
	g.Count++
	g.Bytes += uint64(it.Len)
	l.dropped[why]++
	l.droppedBytes += uint64(it.Len)
	if q.reported {
		r := l.reporting()
		r.dequeued--
		r.dequeuedBytes -= uint64(it.Len)
	}
	ReleaseItems(t.Items)
	t.Items = nil
}
