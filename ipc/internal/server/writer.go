package server

import (
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

const (
	maxWrite = 256 << 10 // bytes gathered for one write
	maxIov   = 1024      // UIO_MAXIOV
	bulkTurn = 64 << 10  // bytes of one subscription before the next has its turn
)

// piece is what a full socket did not take: bytes in a shared buffer, or a copy
// of bytes of the server's own.
type piece []byte

// held are messages that were taken from a queue and are not written yet.
type held struct {
	sub   *broker.Sub
	lane  bus.Lane
	n     int
	bytes uint64
}

// reference is n references on a buffer, to be released after the write.
type reference struct {
	buf *frame.Buffer
	n   int
}

// gather is the routing thread's one place to put a write together.
type gather struct {
	iov   []unix.Iovec
	total int
	own   []byte // stream and gap frames; iov points into it, so it never grows
	items []held
	refs  []reference

	lastBuf *frame.Buffer // where the last iovec points, to go on with it
	lastEnd uint32
}

func (g *gather) init() {
	g.iov = make([]unix.Iovec, 0, maxIov)
	g.own = make([]byte, 0, 64<<10)
}

func (g *gather) reset() {
	clear(g.iov)
	g.iov, g.own, g.items, g.refs = g.iov[:0], g.own[:0], g.items[:0], g.refs[:0]
	g.total, g.lastBuf = 0, nil
}

func (g *gather) full() bool {
	return g.total >= maxWrite || len(g.iov) > maxIov-2*queue.ClaimSize || cap(g.own)-len(g.own) < 512
}

// add appends bytes that stay where they are.
func (g *gather) add(b []byte) {
	g.iov = append(g.iov, unix.Iovec{Base: &b[0], Len: uint64(len(b))})
	g.total += len(b)
	g.lastBuf = nil
}

// say appends a frame built in the gather's own memory.
func (g *gather) say(build func(dst []byte) []byte) {
	off := len(g.own)
	g.own = build(g.own)
	g.add(g.own[off:])
}

// flush writes what c has queued, until all is written or the socket is full.
func (s *Server) flush(c *conn) {
	if c.mute {
		s.discard(c)
		return
	}
	for !c.dead && !c.blocked {
		if len(c.left) > 0 {
			if !s.writeLeft(c) {
				return
			}
			continue
		}
		g := &s.out
		g.reset()
		if len(c.ctl) > 0 {
			g.add(c.ctl)
		}
		if c.port != nil {
			s.gatherQueues(c, g)
		}
		if g.total == 0 {
			s.heard(c)
			s.finish(c)
			return
		}
		n, errno := unixsock.RawSend(c.fd, g.iov)
		switch errno {
		case 0:
		case unix.EAGAIN:
			n = 0
		default:
			s.stash(c, g, 0)
			s.gone(c, errno)
			return
		}
		if n < g.total {
			s.stash(c, g, n)
			s.block(c)
			return
		}
		c.full, c.spoke = 0, true
		c.ctl = emptied(c.ctl)
		s.heard(c)
		deliver(g.items)
		release(g.refs)
		if c.port == nil || len(c.port.Queued()) == 0 {
			s.finish(c)
			return
		}
	}
}

// finish ends a connection that was asked to end once all is written.
func (s *Server) finish(c *conn) {
	if !c.closing || c.port != nil && len(c.port.Queued()) > 0 {
		return
	}
	if !c.said {
		c.said = true
		c.ctl = append(c.ctl, c.farewell...)
		s.flush(c)
		return
	}
	if len(c.ctl) == 0 {
		s.doom(c, nil)
	}
}

// gone gives up writing to a connection whose socket failed. A client that went
// away is no fault of anybody, and what it sent before lies in the socket still:
// it is read to its end, which is what ends it.
func (s *Server) gone(c *conn, errno unix.Errno) {
	if errno != unix.EPIPE && errno != unix.ECONNRESET {
		s.doom(c, unixsock.NewOpError("write", s.l.Path(), errno))
		return
	}
	c.mute, c.blocked, c.full = true, false, 0
	s.discard(c)
	s.watch(c)
}

// discard drops all that a mute connection would have to be told. It may be in
// the middle of routing a message to it, so the subscriptions stay.
func (s *Server) discard(c *conn) {
	s.dropHeld(c)
	c.ctl = emptied(c.ctl)
	if c.port != nil {
		c.port.DiscardQueued()
	}
	s.heard(c)
	if c.closing { // it is not read from any more
		s.doom(c, nil)
	}
}

func (s *Server) block(c *conn) {
	c.blocked = true
	if c.full == 0 {
		c.full = frame.Now()
	}
	s.watch(c)
}

// emptied returns b without its bytes, and without its memory when there was
// much of it: an idle connection should hold little.
func emptied(b []byte) []byte {
	if cap(b) > 4<<10 {
		return nil
	}
	return b[:0]
}

// gatherQueues collects from c's queues: all that is urgent first, and then the
// bulk lanes by turns. When the write is full, the next begins behind the one that
// was served last.
func (s *Server) gatherQueues(c *conn, g *gather) {
	ready := c.port.Queued()
	now := frame.Now()
	next := 0
	for _, lane := range [...]bus.Lane{bus.Urgent, bus.Bulk} {
		for progress := true; progress && !g.full(); {
			progress = false
			for i, sub := range ready {
				if s.gatherLane(c, g, sub, lane, now) {
					progress, next = true, i+1
				}
			}
		}
	}
	if !g.full() {
		next = 0
	}
	c.port.Settle(next)
}

// gatherLane collects one turn's worth of a lane; it reports whether there was
// anything.
func (s *Server) gatherLane(c *conn, g *gather, sub *broker.Sub, lane bus.Lane, now int64) (progress bool) {
	for end := g.total + bulkTurn; g.total < end && !g.full(); {
		t, ok := sub.Queue.DequeueLane(lane, sub.Queue.Claimable(lane, maxWrite))
		if !ok {
			return progress
		}
		progress = true
		if t.HasGap {
			g.say(func(dst []byte) []byte { return appendGap(dst, sub.ID, &t, now) })
		}
		if len(t.Items) == 0 {
			continue
		}
		first := t.Items[0].Sequence()
		want := frame.Stream{Subscription: sub.ID, Lane: lane, Next: first}
		if sub.ID != 0 {
			if c.stream != want {
				g.say(func(dst []byte) []byte { return appendStream(dst, want, now) })
			}
			want.Next += uint64(len(t.Items))
			c.stream = want
		}
		sub.RecordDelivery(t.Items, now)
		size := g.addItems(t.Items)
		g.hold(sub, lane, len(t.Items), size)
	}
	return progress
}

// addItems appends messages. Those that lie side by side in one buffer become
// one piece.
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
		g.iov[len(g.iov)-1].Len += uint64(end - start)
		g.refer(buf, i-first)
		size += uint64(end - start)
	}
	g.lastBuf, g.lastEnd = buf, end
	g.total += int(size)
	return size
}

func (g *gather) refer(buf *frame.Buffer, n int) {
	if n == 0 {
		return
	}
	if last := len(g.refs) - 1; last >= 0 && g.refs[last].buf == buf {
		g.refs[last].n += n
		return
	}
	g.refs = append(g.refs, reference{buf, n})
}

func (g *gather) hold(sub *broker.Sub, lane bus.Lane, n int, size uint64) {
	if last := len(g.items) - 1; last >= 0 && g.items[last].sub == sub && g.items[last].lane == lane {
		g.items[last].n += n
		g.items[last].bytes += size
		return
	}
	g.items = append(g.items, held{sub, lane, n, size})
}

func deliver(items []held) {
	for _, h := range items {
		h.sub.Queue.Delivered(h.lane, h.n, h.bytes)
	}
}

func release(refs []reference) {
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
