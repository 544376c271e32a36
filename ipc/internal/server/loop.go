package server

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/broker"
)

// Wake implements broker.Driver. It is the only method for other goroutines.
func (s *Server) Wake() { s.poll.wake() }

// Pause implements broker.Driver.
func (s *Server) Pause(d time.Duration) { unixsock.Nap(d) }

// Poll implements broker.Driver: one turn over all sockets. Each that has something
// is read once, and no more of it is routed than a turn's work, so that no client
// keeps the others waiting.
func (s *Server) Poll(wait time.Duration) (worked bool, err error) {
	if len(s.closing) > 0 {
		s.closeConns()
		worked, wait = true, 0
	}
	if len(s.rateHeld) > 0 {
		wait = min(wait, s.releaseRateHeld())
	}
	if len(s.workHeld) > 0 && s.routeHeldWork() {
		worked, wait = true, 0
	}
	if s.acceptHeld != 0 {
		wait = min(wait, s.releaseAccept())
	}
	wait = min(wait, broker.Tick) // the socket may be lost though nobody is connected
	n, err := s.poll.wait(wait, s.turnBytes >= lingerBytes)
	if err != nil {
		return worked, unixsock.NewOpError("read", s.l.Path(), err)
	}
	s.takeLimits()
	if n > 0 {
		s.turnBytes = 0
	}
	for i := range s.poll.events[:n] {
		ev := &s.poll.events[i]
		switch fd := int(ev.Fd); fd {
		case s.poll.wakefd:
			var b [8]byte
			unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b)), 8)
		case s.l.FD():
			s.accept(fd)
		default:
			if c := s.connOf(fd); c != nil {
				c.event(ev.Events)
			}
		}
	}
	s.b.EndBatch()
	s.sweepIfDue() // when what has come is read
	if s.b.EvictToLimit() > 0 && s.disconnectLargestUnsent() {
		worked = true
	}
	s.closeConns()
	return worked || n > 0, nil
}

// connOf returns the connection that an event is for, if there is one.
func (s *Server) connOf(fd int) *conn {
	if fd < 0 || fd >= len(s.conns) {
		return nil
	}
	return s.conns[fd]
}

// event handles what epoll reports of the connection's socket.
func (c *conn) event(events uint32) {
	if events&writable != 0 {
		c.unblock()
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.hungUp = true
	}
	switch {
	case !c.state.reads():
		if c.hungUp {
			c.close(nil)
		}
	case c.hold&holdWork != 0: // what it has sent is routed before more is read
	case c.readsHeld():
	case c.hungUp || events&readable != 0:
		c.read()
	}
}

// Finish implements broker.Driver: no more connections are taken in, and what is
// queued is written as long as clients take it. What is not looked at any more is
// taken out of epoll, which would report it again and again.
func (s *Server) Finish() {
	goodbye := frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Fault{Code: frame.CodeShutdown, Text: "the broker is shutting down"})
	deadline := time.Now().Add(s.o.DrainTimeout)
	s.poll.remove(s.l.FD())
	s.poll.remove(s.poll.wakefd)
	for _, c := range s.conns {
		if c != nil {
			c.beginDrain(goodbye)
			if c.session != nil {
				c.session.Finish() // lifts the windows, so that all that is queued is written
			}
			c.flush()
		}
	}
	s.closeConns()
	for time.Now().Before(deadline) && s.anyBlocked() {
		n, err := s.poll.wait(min(time.Until(deadline), 50*time.Millisecond), false)
		if err != nil {
			return
		}
		for i := range s.poll.events[:n] {
			c := s.connOf(int(s.poll.events[i].Fd))
			switch {
			case c == nil:
			case s.poll.events[i].Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0:
				c.close(nil)
			default:
				c.unblock()
			}
		}
		s.closeConns()
	}
}

// anyBlocked reports whether a connection still has something to write.
func (s *Server) anyBlocked() bool {
	for _, c := range s.conns {
		if c != nil && c.blocked {
			return true
		}
	}
	return false
}
