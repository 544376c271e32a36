package server

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
)

// accept lets in whoever waits.
func (s *Server) accept() {
	for range 64 {
		fd, _, err := unix.Accept4(s.l.FD(), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			s.admit(fd)
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case outOfDescriptors(err):
			s.b.Fault(unixsock.NewOpError("accept", s.l.Path(), err))
			if !s.turnAway() {
				return
			}
		default:
			s.b.Fault(unixsock.NewOpError("accept", s.l.Path(), err))
			s.deafen()
			return
		}
	}
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// admit takes a new connection in, if there is room.
func (s *Server) admit(fd int) {
	if s.count >= s.o.MaxConnections {
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "max_connections is %d, and as many are connected", s.o.MaxConnections))
		return
	}
	cred, err := unixsock.CredentialsOf(fd)
	c := &conn{s: s, fd: fd, cred: cred, peer: policy.Peer{PID: cred.PID, UID: cred.UID, GID: cred.GID}, watched: readable}
	c.peer.Process = &c.cred
	if early, ok := s.o.Policy.(policy.EarlyPolicy); ok && err == nil {
		if no := early.Refuse(&c.peer); no != nil {
			c.cred.Close()
			s.b.Refused(no)
			s.sayAndClose(fd, refusal(frame.CodeOf(no), "%v", no))
			return
		}
	}
	if err == nil {
		err = s.poll.add(fd, readable)
	}
	if err != nil {
		c.cred.Close()
		s.b.Fault(unixsock.NewOpError("accept", s.l.Path(), err))
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "the broker cannot take another connection: %v", err))
		return
	}
	if fd >= len(s.conns) {
		s.conns = append(s.conns, make([]*conn, fd+1-len(s.conns))...)
	}
	unixsock.Widen(fd)
	now := frame.Now()
	c.since, c.lastRead, c.lastSent = now, now, now
	s.conns[fd] = c
	s.count++
}

// sayAndClose writes to a socket that is not ours to keep. It is new, so there
// is room for a few bytes.
func (s *Server) sayAndClose(fd int, b []byte) {
	unixsock.RawSend(fd, []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}})
	unix.Close(fd)
}

// turnAway refuses a connection when there are no descriptors left, with one
// that was kept for that: else the listener would stay readable for ever. It
// reports whether somebody was waiting.
func (s *Server) turnAway() bool {
	closeSpare(s.spare)
	fd, _, err := unix.Accept4(s.l.FD(), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err == nil {
		s.b.Refused(frame.ErrLimit)
		s.sayAndClose(fd, refusal(frame.CodeLimit, "the broker has no descriptors left"))
	}
	if s.spare = openSpare(); s.spare < 0 {
		s.deafen() // another part of the process was quicker
		return false
	}
	return err == nil
}

// deafen stops looking at the listener, which would be readable turn after
// turn, until listenAgain: who connects waits meanwhile.
func (s *Server) deafen() {
	if err := s.poll.change(s.l.FD(), 0); err != nil {
		s.b.Fault(unixsock.NewOpError("accept", s.l.Path(), err))
	}
	s.deaf = true
}

// listenAgain is tried about once a Tick.
func (s *Server) listenAgain() {
	if s.spare < 0 {
		s.spare = openSpare()
	}
	s.deaf = s.poll.change(s.l.FD(), readable) != nil
}

func openSpare() int {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

func closeSpare(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
