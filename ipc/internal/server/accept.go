package server

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/ipc/policy"
)

// maxAccepts bounds the connections that are accepted in one turn.
const maxAccepts = 64

// accept takes in the clients that are waiting to connect to a listening descriptor.
func (s *Server) accept(listener int) {
	if s.spareFD < 0 {
		s.spareFD = openSpare()
	}
	for range maxAccepts {
		if !s.relieveHandshakes() {
			return
		}
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			s.admit(fd)
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case outOfDescriptors(err):
			if !waits(listener) {
				return // the kernel looks for a descriptor first
			}
			if len(s.places.handshakes) > 0 {
				s.giveWay("the broker has no descriptors left")
				return // the next turn has one, or accepting is held
			}
			s.b.RecordFault(unixsock.NewOpError("accept", s.l.Path(), err))
			if !s.refuseWithSpare(listener) {
				return
			}
		default:
			s.b.RecordFault(unixsock.NewOpError("accept", s.l.Path(), err))
			s.pauseAccept()
			return
		}
	}
}

// waits reports whether a client waits to be accepted.
func waits(listener int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, 0)
	return n > 0 && err == nil
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// admit makes an accepted descriptor a connection, if policy does not refuse its user.
// Whether there is room for it is decided when its hello has come.
func (s *Server) admit(fd int) {
	c, err := newConn(s, fd)
	if err != nil && s.spareFD >= 0 && outOfDescriptors(err) {
		closeSpare(s.spareFD)
		s.spareFD = -1 // until a handshake has given way
		c, err = newConn(s, fd)
	}
	if early, ok := s.o.Policy.(policy.EarlyPolicy); ok && err == nil {
		if no := early.Refuse(&c.peer); no != nil {
			c.cred.Close()
			s.b.CountRefused(no)
			sendAndClose(fd, refusal(frame.CodeOf(no), "%v", no))
			return
		}
	}
	if err == nil {
		err = s.poll.add(fd, c.watched)
	}
	if err != nil {
		c.cred.Close()
		s.b.RecordFault(unixsock.NewOpError("accept", s.l.Path(), err))
		s.b.CountRefused(frame.ErrLimit)
		sendAndClose(fd, refusal(frame.CodeLimit, "the broker cannot take another connection: %v", err))
		return
	}
	if fd >= len(s.conns) {
		s.conns = append(s.conns, make([]*conn, fd+1-len(s.conns))...)
	}
	unixsock.Widen(fd)
	s.conns[fd] = c
	s.count++
	s.places.enter(c)
}

// refusal returns the frames that refuse a client which did not become a connection.
func refusal(code frame.Code, format string, args ...any) []byte {
	text := fmt.Sprintf(format, args...)
	body := frame.Fault{Code: code, Fatal: true, Text: text}
	b := frame.AppendControl(nil, frame.TypeError, 0, frame.Now(), frame.ErrorSize(body))
	b = frame.AppendError(b, body)
	return frame.AppendGoodbyeFrame(b, frame.Now(), frame.Fault{Code: code, Text: text})
}

// sendAndClose writes b and closes the socket. The socket is new, so it has room for
// a few bytes.
func sendAndClose(fd int, b []byte) {
	unixsock.RawSend(fd, []unix.Iovec{unixsock.Piece(b)})
	unix.Close(fd)
}

// refuseWithSpare refuses one client when the process has no descriptors left: it
// gives up the spare one to accept it. Otherwise the listener would stay readable,
// and wake the loop again and again. It reports whether a client was waiting.
func (s *Server) refuseWithSpare(listener int) bool {
	closeSpare(s.spareFD)
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err == nil {
		s.b.CountRefused(frame.ErrLimit)
		sendAndClose(fd, refusal(frame.CodeLimit, "the broker has no descriptors left"))
	}
	if s.spareFD = openSpare(); s.spareFD < 0 {
		s.pauseAccept() // another part of the process has taken the descriptor
		return false
	}
	return err == nil
}

// pauseAccept stops watching the listener, which would be readable turn after turn,
// until resumeAccept. Clients that connect wait meanwhile.
func (s *Server) pauseAccept() {
	if err := s.poll.change(s.l.FD(), 0); err != nil {
		s.b.RecordFault(unixsock.NewOpError("accept", s.l.Path(), err))
	}
	s.acceptPaused = true
}

// holdAccept is pauseAccept until a time, or until there are fewer handshakes than now.
func (s *Server) holdAccept(until int64) {
	s.pauseAccept()
	s.acceptHeld, s.heldWith = until, len(s.places.handshakes)
}

// releaseAccept ends holdAccept when it is time, and returns how long that is yet.
func (s *Server) releaseAccept() time.Duration {
	if wait := s.acceptHeld - frame.Now(); wait > 0 && len(s.places.handshakes) >= s.heldWith {
		return time.Duration(wait)
	}
	s.acceptHeld = 0
	s.resumeAccept()
	return 0
}

// resumeAccept tries to watch the listener again. The loop calls it about once a
// Tick, and at the end of holdAccept.
func (s *Server) resumeAccept() {
	if s.spareFD < 0 {
		s.spareFD = openSpare()
	}
	err := s.poll.change(s.l.FD(), readable)
	if errors.Is(err, unix.ENOENT) { // the socket was bound anew, and could not be added
		err = s.poll.add(s.l.FD(), readable)
	}
	s.acceptPaused = err != nil
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
