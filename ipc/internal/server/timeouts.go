package server

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/broker"
)

// Tick implements broker.Sink: the bounds in time on a client. It pings a client that was
// silent for a heartbeat, and disconnects it after three. It also pings a client to which
// nothing was sent for half a heartbeat, so that the client does not give up the server.
// Half, because lastSent may be late by a Tick.
func (c *conn) Tick(now int64) {
	heartbeat, timeout := c.heartbeat, c.s.o.ConnectionTimeout
	if c.sentSinceTick {
		c.sentSinceTick, c.lastSent = false, now
	}
	idle := time.Duration(now - c.lastRead)
	switch {
	case c.state >= closing:
	case c.state == writeClosed: // reading finds the end of what it sent, if there is one
		if idle > heartbeat && !c.readsHeld() {
			c.close(nil)
		}
	case c.fullSince != 0 && time.Duration(now-c.fullSince) > timeout:
		c.disconnect(frame.CodeSlow, "did not read for "+timeout.String(), frame.ErrSlow)
	case c.state == lastWrites: // nothing comes behind a goodbye
	case idle > 3*heartbeat && c.pinged && !c.readsHeld():
		c.disconnect(frame.CodeHeartbeat, "silent for "+idle.Round(time.Millisecond).String(), frame.ErrHeartbeat)
	case idle > heartbeat && !c.pinged && !c.readsHeld(), time.Duration(now-c.lastSent) > heartbeat/2:
		c.pinged, c.sentSinceTick = true, true
		c.ctl = frame.AppendControl(c.ctl, frame.TypePing, 0, now, 0)
		c.sendControl()
	}
}

// compactAge is how long a socket is full before what waits for it is worth a copy.
const compactAge = 500 * time.Millisecond

// sweep runs about once a Tick. It ends connections that did not send their hello in time,
// or did not finish a frame that they began, and gives back buffers of which little
// is needed.
func (s *Server) sweep(now int64) {
	timeout := s.o.ConnectionTimeout
	for _, c := range s.conns {
		switch {
		case c == nil || c.state >= closing:
		case c.state == accepted && time.Duration(now-c.acceptedAt) > timeout:
			c.disconnect(frame.CodeHandshake, "no hello within "+timeout.String(), frame.ErrHandshake)
		case c.inFrame() && !c.readsHeld() && time.Duration(now-c.part.since) > timeout:
			c.refuse(0, fmt.Errorf("%w: a frame was begun and not finished within %s", frame.ErrHeartbeat, timeout), true)
		default:
			c.compactPart()
			if c.fullSince != 0 && time.Duration(now-c.fullSince) > compactAge {
				c.unsent.compact(s.b.Pool())
			}
		}
	}
}

// sweepIfDue runs sweep, and what else is tried once a Tick.
func (s *Server) sweepIfDue() {
	now := frame.Now()
	since := now - s.swept
	if since < int64(broker.Tick) {
		return
	}
	if away := since - 2*int64(broker.Tick); away > 0 && s.swept != 0 {
		s.extendDeadlines(away, now)
	}
	s.swept = now
	s.sweep(now)
	s.endVisits(now)
	s.checkSocket()
	if s.acceptPaused {
		s.resumeAccept()
	}
}

// extendDeadlines does not count to clients a time in which the server itself did not run, because
// the process or its machine was stopped: what they have sent since may not be read yet.
func (s *Server) extendDeadlines(away, now int64) {
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		for _, at := range [...]*int64{&c.acceptedAt, &c.lastRead, &c.part.since, &c.fullSince} {
			if *at != 0 {
				*at = min(*at+away, now)
			}
		}
	}
}
