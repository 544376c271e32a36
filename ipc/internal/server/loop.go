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

// Poll implements broker.Driver: one look at all sockets. From each that has
// something, one read is taken, and no more routed than a turn's work, so that
// none keeps the others waiting.
func (s *Server) Poll(wait time.Duration) (worked bool, err error) {
	if len(s.doomed) > 0 {
		s.reap()
		worked, wait = true, 0
	}
	if len(s.paused) > 0 {
		wait = min(wait, s.resume())
	}
	if len(s.waiting) > 0 && s.goOn() {
		worked, wait = true, 0
	}
	if s.count > 0 || s.deaf {
		wait = min(wait, broker.Tick)
	}
	n, err := s.poll.wait(wait, s.taken >= dense)
	if err != nil {
		return worked, unixsock.NewOpError("read", s.l.Path(), err)
	}
	if now := frame.Now(); now-s.checked >= int64(broker.Tick) {
		s.checked = now
		s.sweep(now)
		if s.deaf {
			s.listenAgain()
		}
	}
	if n > 0 {
		s.taken = 0
	}
	for i := range s.poll.events[:n] {
		ev := &s.poll.events[i]
		switch fd := int(ev.Fd); fd {
		case s.poll.wakefd:
			var b [8]byte
			unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b)), 8)
		case s.l.FD():
			s.accept()
		default:
			if c := s.connOf(fd); c != nil {
				s.event(c, ev.Events)
			}
		}
	}
	s.b.EndBatch()
	if len(s.doomed) > 0 {
		s.reap()
	}
	return worked || n > 0, nil
}

// connOf returns the connection that an event is for, if there is one.
func (s *Server) connOf(fd int) *conn {
	if fd < 0 || fd >= len(s.conns) {
		return nil
	}
	return s.conns[fd]
}

func (s *Server) event(c *conn, events uint32) {
	if events&writable != 0 {
		c.blocked = false
		s.flush(c)
		s.watch(c)
	}
	gone := events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch {
	case c.closing:
		if gone {
			s.doom(c, nil)
		}
	case c.waits: // what it has sent is routed before more is read
		c.gone = c.gone || gone
	case c.unread() && !gone:
	case events&(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 || gone:
		s.read(c) // a client that is gone is read to its end, whatever its rate
	}
}

// watch tells epoll what c waits for.
func (s *Server) watch(c *conn) {
	var want uint32
	if !c.unread() {
		want = readable
	}
	if c.blocked {
		want |= writable
	}
	if want == c.watched {
		return
	}
	c.watched = want
	if err := s.poll.change(c.fd, want); err != nil {
		s.doom(c, err)
	}
}

// Finish implements broker.Driver: no more connections, and what is queued is
// written out as long as clients take it. Whatever it does not look at any more
// is taken out of epoll, which would report it again and again.
func (s *Server) Finish() {
	bye := frame.AppendGoodbyeFrame(nil, frame.Now(), frame.Goodbye{Code: frame.CodeShutdown, Text: "the broker is shutting down"})
	deadline := time.Now().Add(s.o.DrainTimeout)
	s.poll.remove(s.l.FD())
	s.poll.remove(s.poll.wakefd)
	for _, c := range s.conns {
		if c != nil {
			c.closing = true
			c.farewell = bye
			s.watch(c)
			s.flush(c)
		}
	}
	s.reap()
	for time.Now().Before(deadline) && s.unwritten() {
		n, err := s.poll.wait(min(time.Until(deadline), 50*time.Millisecond), false)
		if err != nil {
			return
		}
		for i := range s.poll.events[:n] {
			c := s.connOf(int(s.poll.events[i].Fd))
			if c == nil {
				continue
			}
			if s.poll.events[i].Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				s.doom(c, nil)
				continue
			}
			c.blocked = false
			s.flush(c)
			s.watch(c)
		}
		s.reap()
	}
}

// unwritten reports whether a connection still has something to write.
func (s *Server) unwritten() bool {
	for _, c := range s.conns {
		if c != nil && c.blocked {
			return true
		}
	}
	return false
}
