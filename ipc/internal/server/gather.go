package server

import (
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

const (
	maxWrite = 256 << 10 // bytes gathered for one write
	minWrite = 8 << 10   // the same, where memory is short
	maxIov   = 1024      // UIO_MAXIOV
	bulkTurn = 64 << 10  // bytes of one subscription before the next has its turn
)

// gather is the routing thread's one place to put a write together.
type gather struct {
	iov   []unix.Iovec
	most  int // bytes
	total int
	own   []byte // stream and gap frames; iov points into it, so it never grows
	items []inFlight
	refs  []reference

	lastBuf *buffer.Buffer // where the last iovec points, which the next message may extend
	lastEnd uint32
}

// inFlight are messages that were taken from a queue and are not written yet.
type inFlight struct {
	sub   *broker.Sub
	lane  bus.Lane
	n     int
	bytes uint64
}

// reference is n references on a buffer, to be released after the write.
type reference struct {
	buf *buffer.Buffer
	n   int
}

func (g *gather) init() {
	g.iov = make([]unix.Iovec, 0, maxIov)
	g.own = make([]byte, 0, 64<<10)
}

func (g *gather) reset() {
	clear(g.iov)
	clear(g.items) // they would keep subscriptions that have ended
	g.iov, g.own, g.items, g.refs = g.iov[:0], g.own[:0], g.items[:0], g.refs[:0]
	g.total, g.lastBuf = 0, nil
}

func (g *gather) full() bool {
	return g.total >= g.most || len(g.iov) > maxIov-2*queue.ClaimSize || cap(g.own)-len(g.own) < 512
}

// writeSize returns how many bytes may be gathered for a write. What a socket takes in part
// cannot be evicted any more, so all connections together may have a quarter of MaxMemory
// for it, and little when half of the memory is in use.
func (s *Server) writeSize() int {
	if s.b.Pool().Live() > s.halfMemory {
		return minWrite
	}
	return int(min(max(s.halfMemory/int64(2*max(s.count, 1)), minWrite), maxWrite))
}

// gatherQueues collects from c's queues: all that is urgent first, and then the bulk
// lanes by turns. When the write is full, the next one begins behind the subscription
// that was served last.
func (c *conn) gatherQueues(g *gather) {
	queued := c.session.Queued()
	now := frame.Now()
	next := 0
	g.most = c.s.writeSize()
	for _, lane := range [...]bus.Lane{bus.Urgent, bus.Bulk} {
		for again := true; again && !g.full(); {
			again = false
			for i, sub := range queued {
				took, more := c.gatherLane(g, sub, lane, now)
				if took {
					next = i + 1
				}
				again = again || more
			}
		}
	}
	if !g.full() {
		next = 0
	}
	c.session.Settle(next)
}

// gatherLane collects one turn's worth of a lane. It reports whether there was anything, and
// whether there is more, which the sink may take.
func (c *conn) gatherLane(g *gather, sub *broker.Sub, lane bus.Lane, now int64) (took, more bool) {
	end := g.total + bulkTurn
	for sub.Queue.LanePending(lane) {
		if g.total >= end || g.full() {
			return took, true
		}
		t, ok := sub.Take(lane, g.most-g.total)
		if !ok {
			return took, false
		}
		took = true
		if t.HasGap {
			g.addControl(func(dst []byte) []byte { return appendGap(dst, sub.ID, &t, now) })
		}
		if len(t.Items) == 0 {
			continue
		}
		first := t.Items[0].Sequence()
		want := frame.Stream{Subscription: sub.ID, Lane: lane, Next: first}
		if sub.ID != 0 {
			if c.stream != want {
				g.addControl(func(dst []byte) []byte { return appendStream(dst, want, now) })
			}
			want.Next += uint64(len(t.Items))
			c.stream = want
		}
		sub.RecordDelivery(t.Items, now)
		size := g.addItems(t.Items)
		g.addInFlight(sub, lane, len(t.Items), size)
	}
	return took, false
}

// add appends bytes that stay where they are.
func (g *gather) add(b []byte) {
	g.iov = append(g.iov, unixsock.Piece(b))
	g.total += len(b)
	g.lastBuf = nil
}

// addControl appends a frame that is built in the gather's own memory.
func (g *gather) addControl(build func(dst []byte) []byte) {
	off := len(g.own)
	g.own = build(g.own)
	g.add(g.own[off:])
}

// addItems appends messages. Those that lie side by side in one buffer become one
// piece.
func (g *gather) addItems(items []queue.Item) (size uint64) {
	buf, end := g.lastBuf, g.lastEnd
	for i := 0; i < len(items); {
		it := &items[i]
		start := end
		if it.Buf != buf || it.Off != end {
			start, end = it.Off, it.Off
			g.iov = append(g.iov, unix.Iovec{Base: &it.Buf.B[it.Off]})
		}
		buf = it.Buf
		first := i
		for ; i < len(items) && items[i].Buf == buf && items[i].Off == end; i++ {
			end += items[i].Len
		}
		v := &g.iov[len(g.iov)-1]
		v.SetLen(int(v.Len) + int(end-start))
		g.addReferences(buf, i-first)
		size += uint64(end - start)
	}
	g.lastBuf, g.lastEnd = buf, end
	g.total += int(size)
	return size
}

func (g *gather) addReferences(buf *buffer.Buffer, n int) {
	if n == 0 {
		return
	}
	if last := len(g.refs) - 1; last >= 0 && g.refs[last].buf == buf {
		g.refs[last].n += n
		return
	}
	g.refs = append(g.refs, reference{buf, n})
}

func (g *gather) addInFlight(sub *broker.Sub, lane bus.Lane, n int, size uint64) {
	if last := len(g.items) - 1; last >= 0 && g.items[last].sub == sub && g.items[last].lane == lane {
		g.items[last].n += n
		g.items[last].bytes += size
		return
	}
	g.items = append(g.items, inFlight{sub, lane, n, size})
}

// markDelivered counts messages whose frames are written.
func markDelivered(items []inFlight) {
	for _, f := range items {
		f.sub.Queue.Delivered(f.lane, f.n, f.bytes)
	}
}

func releaseRefs(refs []reference) {
	for i := range refs {
		refs[i].buf.Release(refs[i].n)
		refs[i] = reference{}
	}
}

func appendGap(dst []byte, id uint64, t *queue.Batch, now int64) []byte {
	dst = frame.AppendControl(dst, frame.TypeGap, id, now, frame.GapSize)
	return frame.AppendGap(dst, frame.Gap{
		Subscription: id, First: t.Gap.First, Last: t.Gap.Last, Count: t.Gap.Count, Bytes: t.Gap.Bytes,
		Lane: t.Lane, Reason: t.Gap.Reason,
	})
}

func appendStream(dst []byte, st frame.Stream, now int64) []byte {
	dst = frame.AppendControl(dst, frame.TypeStream, st.Subscription, now, frame.StreamSize)
	return frame.AppendStream(dst, st)
}
