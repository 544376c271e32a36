package client

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

const (
	readBuffer = unixsock.ReadBuffer
	readRoom   = unixsock.ReadRoom // another buffer is taken when less than this is left
)

// receiver is what the reading goroutine keeps for one connection.
type receiver struct {
	c   *Client
	buf *buffer.Buffer
	off int // of the first byte that is not handled yet
	end int // of what was read

	offset    int64         // by which the broker's clock is ahead
	silence   time.Duration // after which the broker is taken for lost
	writes    uint64        // the outbox's count at the last read
	readsOnly bool          // the client wrote nothing between the last two reads
	yields    unixsock.Yields

	// The messages that come next.
	stream    frame.Stream
	sub       *subscription // of stream; nil: it is closed
	run       []queue.Item  // of sub, not in its queue yet
	compactor compactor
}

// receive handles what comes over a connection until it ends, and returns why it did.
func (c *Client) receive(conn *connection) error {
	r := &receiver{
		c: c, offset: conn.offset, run: make([]queue.Item, 0, queue.ClaimSize),
		silence: 3 * time.Duration(conn.welcome.HeartbeatMs) * time.Millisecond, // a broker with nothing else to send sends pings
	}
	defer func() { r.buf.Release(1); r.compactor.release() }()
	r.buf = c.pool.Get(readBuffer)
	r.buf.B = r.buf.B[:cap(r.buf.B)]
	r.end = copy(r.buf.B, conn.rest)
	if err := unixsock.BoundReceives(conn.fd, r.silence); err != nil {
		return unixsock.NewOpError("read", c.o.Path, err)
	}
	for {
		if err := r.frames(); err != nil {
			return err
		}
		r.makeRoom()
		n, err := r.read(conn.fd)
		if err == unix.EAGAIN {
			err = frame.ErrHeartbeat
			c.out.Abort(frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Fault{Code: frame.CodeHeartbeat, Text: "the broker sent nothing for too long"}))
		}
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		if n == 0 {
			return unixsock.NewOpError("read", c.o.Path, io.EOF)
		}
		r.end += n
	}
}

// read reads what there is, and waits when there is nothing: in recv(2), the shortest
// way, or in poll(2), when this client has written between the last two reads. The
// reason is that whenever the broker reads, this socket has room to write again. The
// kernel then wakes a thread that sits in recv, though not one that polls for input, and
// a publisher would pay two switches for each batch.
func (r *receiver) read(fd int) (n int, err error) {
	r.yields.Wait()
	if into := r.buf.B[r.end:]; r.readsOnly {
		n, err = unixsock.Recv(fd, into)
	} else {
		n, err = unixsock.RecvPolled(fd, into, r.silence)
	}
	writes := r.c.out.Writes()
	r.readsOnly = writes == r.writes
	r.writes = writes
	return n, err
}

// makeRoom sees to it that there is room for a read, and for the whole of a frame that
// has begun. While no consumer keeps what was read, the same memory is used again.
func (r *receiver) makeRoom() {
	rest := r.end - r.off
	need := frame.Need(r.buf.B[r.off:r.end])
	if r.buf.Refs() == 1 && need <= len(r.buf.B) && (rest < readRoom/2 || len(r.buf.B)-r.end < readRoom || len(r.buf.B)-r.off < need) {
		copy(r.buf.B, r.buf.B[r.off:r.end])
		r.off, r.end = 0, rest
		return
	}
	if len(r.buf.B)-r.end >= readRoom && len(r.buf.B)-r.off >= need {
		return
	}
	next := r.c.pool.Get(max(readBuffer, need+readRoom))
	next.B = next.B[:cap(next.B)]
	copy(next.B, r.buf.B[r.off:r.end])
	r.buf.Release(1)
	r.buf, r.off, r.end = next, 0, rest
}

// frames handles all whole frames of the buffer: what it leaves is one that is not whole.
func (r *receiver) frames() error {
	limit := r.c.terms.Load().MaxMessageSize
	frame.ShiftAllTimes(r.buf.B[r.off:r.end], -r.offset)
	for {
		if s := r.sub; s != nil && s.handler != nil {
			n, more := s.handleMessages(r.buf.B[r.off:r.end], limit, &r.stream)
			r.off += n
			if more {
				continue
			}
		}
		f, err := frame.Next(r.buf.B[r.off:r.end], limit)
		if err != nil {
			r.endRun()
			if errors.Is(err, frame.ErrIncomplete) {
				return nil
			}
			if f == nil {
				return unixsock.NewOpError("read", r.c.o.Path, err)
			}
			r.off += len(f)
			r.undecodable(f)
			continue
		}
		off := r.off
		r.off += len(f)
		switch t := f.Type(); {
		case t == frame.TypePublish || t == frame.TypeRequest:
			r.message(f, off)
		default:
			r.endRun()
			if err := r.control(f); err != nil {
				return err
			}
		}
	}
}

// message adds a message to the run of the current stream's subscription.
func (r *receiver) message(f frame.Frame, off int) {
	r.stream.Next++
	s := r.sub
	if s == nil || s.handler != nil {
		return // it is closed on this side, and the broker does not know yet
	}
	if s.spec.ReplayFrom > 0 {
		s.lastSequence = max(s.lastSequence, f.Sequence())
	}
	r.run = r.run[:len(r.run)+1]
	it := &r.run[len(r.run)-1]
	it.Buf, it.Off, it.Len = r.buf, uint32(off), uint32(len(f))
	if len(r.run) == cap(r.run) {
		r.endRun()
	}
}

// undecodable skips a frame that is of a later version, perhaps. A message has its number
// all the same, and its subscription has lost it.
func (r *receiver) undecodable(f frame.Frame) {
	if t := f.Type(); t != frame.TypePublish && t != frame.TypeRequest {
		return
	}
	st, s := &r.stream, r.sub
	if s != nil {
		if s.spec.ReplayFrom > 0 {
			s.lastSequence = max(s.lastSequence, f.Sequence())
		}
		s.gap(&frame.Gap{
			Subscription: st.Subscription, Lane: st.Lane, First: st.Next, Last: st.Next, Count: 1, Bytes: uint64(len(f)), Reason: frame.ReasonInflate,
		})
		s.reportCredit(s.credit.lost(st.Lane, 1, uint64(len(f))))
	}
	st.Next++
}

// endRun hands the messages of the run to their subscription.
func (r *receiver) endRun() {
	if len(r.run) == 0 {
		return
	}
	if len(r.run) < cap(r.run) && r.sub.consumerBehind(r.stream.Lane) {
		r.compactor.compact(r.c.pool, r.run)
	}
	r.run[0].Buf.Retain(len(r.run))
	r.sub.push(r.stream.Lane, r.run)
	r.run = r.run[:0]
}

func (r *receiver) lookup(id uint64) *subscription {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.c.subs[id]
}

// control handles a frame that is no message. An error ends the connection.
func (r *receiver) control(f frame.Frame) error {
	c := r.c
	switch f.Type() {
	case frame.TypeStream:
		st, err := frame.ParseStream(f.Payload())
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		if r.sub == nil || st.Subscription != r.stream.Subscription {
			r.sub = r.lookup(st.Subscription)
		}
		r.stream = st
	case frame.TypeGap:
		g, err := frame.ParseGap(f.Payload())
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		if g.Subscription == 0 { // of the broker's answers; it is not known to which calls
			c.calls.Fail(endpoint.ErrAnswersLost)
			c.report(endpoint.ErrAnswersLost)
		} else if s := r.lookup(g.Subscription); s != nil {
			s.gap(&g)
		}
	case frame.TypePing:
		// A pong that cannot be sent is no reason to stop reading: a broker that has
		// closed may have sent much before.
		_ = c.out.Enqueue(&frame.Fields{Type: frame.TypePong, Priority: frame.NormalPriority, ID: f.ID(), Time: f.Time()})
	case frame.TypeAck:
		if s := r.lookup(f.ID()); s != nil {
			ack, err := frame.ParseAck(f.Payload())
			if err != nil {
				return unixsock.NewOpError("read", c.o.Path, err)
			}
			s.acknowledged(ack)
		}
		c.calls.Answer(f)
	case frame.TypeCredit:
		ask, err := frame.ParseCredit(f.Payload())
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		if s := r.lookup(ask.Subscription); s != nil && s.credit.ask(ask.Lane, ask.Consumed) {
			s.reportCredit(true)
		}
	case frame.TypeCancel:
		c.responders.Cancel(f)
	case frame.TypeGoodbye:
		g, err := frame.ParseGoodbye(f.Payload())
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		return &g
	case frame.TypeError:
		e, err := frame.ParseError(f.Payload())
		if err != nil {
			return unixsock.NewOpError("read", c.o.Path, err)
		}
		if c.calls.Answer(f) {
			return nil
		}
		if s := r.lookup(f.ID()); s != nil {
			s.refused(&e)
		}
		c.report(&e)
	default:
		c.calls.Answer(f)
	}
	return nil
}
