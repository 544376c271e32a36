package server

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// checkSocket checks, once a Tick, whether clients still find the socket. Where they do
// not, it is bound anew, if nothing is in the way. Until then each check reports what is.
// Clients that are connected notice nothing.
func (s *Server) checkSocket() {
	lost := s.l.Check()
	if lost == nil {
		s.socketReport = ""
		return
	}
	old, err := s.l.Rebind()
	if err != nil {
		s.reportSocket(fmt.Errorf("%w: %w, and it cannot be bound anew: %w", unixsock.ErrLost, lost, err))
		return
	}
	if old >= 0 {
		err = s.listenInstead(old)
	}
	s.reportSocket(errors.Join(fmt.Errorf("%w: %w", unixsock.ErrRebound, lost), err))
}

// reportSocket records what has become of the socket, and calls OnSocket unless that
// was the same at the last check.
func (s *Server) reportSocket(err error) {
	err = unixsock.NewOpError("listen", s.l.Path(), err)
	s.b.RecordFault(err)
	if text := err.Error(); text != s.socketReport && s.o.OnSocket != nil {
		s.socketReport = text
		s.o.OnSocket(err)
	}
}

// listenInstead accepts from the new socket. Those who have connected to the old one are
// accepted before it is closed, as many as one turn takes.
func (s *Server) listenInstead(old int) error {
	err := s.poll.add(s.l.FD(), readable)
	s.acceptPaused, s.acceptHeld = err != nil, 0 // resumeAccept tries again
	s.accept(old)
	s.poll.remove(old)
	return errors.Join(err, unix.Close(old))
}
