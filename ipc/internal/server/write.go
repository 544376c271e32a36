package server

import (
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// flush writes what c has queued, until all is written or the socket is full.
func (c *conn) flush() {
	if c.state == writeClosed {
		c.discardOutput()
		return
	}
	for c.state.writes() && !c.blocked {
		if !c.unsent.empty() {
			if !c.writeUnsent() {
				return
			}
			continue
		}
		g := &c.s.out
		g.reset()
		if len(c.ctl) > 0 {
			g.add(c.ctl)
		}
		if c.session != nil {
			c.gatherQueues(g)
		}
		if g.total == 0 {
			if c.endDrained(); len(c.ctl) > 0 {
				continue
			}
			c.controlWritten()
			c.finishDrain()
			return
		}
		n, errno := unixsock.RawSend(c.fd, g.iov)
		switch errno {
		case 0:
		case unix.EAGAIN:
			n = 0
		default:
			c.savePartialWrite(g, 0)
			c.writeFailed(errno)
			return
		}
		if n < g.total {
			c.savePartialWrite(g, n)
			c.block()
			return
		}
		c.fullSince, c.sentSinceTick = 0, true
		c.ctl = emptied(c.ctl)
		c.controlWritten()
		markDelivered(g.items)
		releaseRefs(g.refs)
		if c.endDrained(); len(c.ctl) > 0 {
			continue
		}
		if c.session == nil || len(c.session.Queued()) == 0 {
			c.finishDrain()
			return
		}
	}
}

// block has epoll watch for room in the socket.
func (c *conn) block() {
	c.blocked = true
	if c.fullSince == 0 {
		c.fullSince = frame.Now()
	}
	c.watch()
}

// unblock goes on writing, because the socket has room.
func (c *conn) unblock() {
	c.blocked = false
	c.flush()
	c.watch()
}

// writeFailed gives up writing to a connection whose socket failed. A client that went
// away is no fault, and what it sent before lies in the socket still: it is read to
// its end, which is what ends the connection. One that is not read any more ends now.
func (c *conn) writeFailed(errno unix.Errno) {
	if errno != unix.EPIPE && errno != unix.ECONNRESET {
		c.close(unixsock.NewOpError("write", c.s.l.Path(), errno))
		return
	}
	c.blocked, c.fullSince = false, 0
	c.discardOutput()
	if c.state != ready {
		c.close(nil)
		return
	}
	c.state = writeClosed
	c.watch()
}

// discardOutput drops all that waits to be written to a client that takes nothing any
// more. Its subscriptions stay until it is read to its end.
func (c *conn) discardOutput() {
	c.dropUnsent()
	c.ctl = emptied(c.ctl)
	if c.session != nil {
		c.session.DiscardQueued()
	}
	c.controlWritten()
}

// keptControl is how many bytes a connection keeps for control frames: a few pings and
// acks. A welcome is longer.
const keptControl = 256

// emptied returns b without its bytes, and without its memory when there was much of
// it, because an idle connection should hold little.
func emptied(b []byte) []byte {
	if cap(b) > keptControl {
		return nil
	}
	return b[:0]
}
