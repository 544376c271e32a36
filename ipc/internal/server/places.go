package server

import (
	"fmt"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/bus"
)

// A connection has one of four kinds of places. Each kind has a bound of its own, so
// that those of one kind cannot lock out those of another.
type place uint8

const (
	noPlace        place = iota // it has given way, or ended
	handshakePlace              // its hello has not come yet
	ordinaryPlace               // one of MaxConnections
	reservedPlace               // the one of its name, which a policy.Reserver has for it
	visitorPlace                // one of a few, when all ordinary ones are taken
)

const (
	// maxHandshakes is how many connections may be in their handshake at once. The one
	// that is one too many waits with them until another has had its minimum.
	maxHandshakes = 64
	// handshakeMinimum is how long a connection may be in its handshake before it gives
	// way to another, where it is the only one of its process. A client sends its hello
	// within some ten microseconds, and within some milliseconds on a busy machine.
	handshakeMinimum = 25 * time.Millisecond
)

// places are the connections by their kind of place.
type places struct {
	handshakes []*conn          // oldest first
	visitors   []*conn          // oldest first
	reserved   map[string]*conn // by the name of the place
	ordinary   int
}

// enter gives c, which has just connected, a place among the handshakes.
func (p *places) enter(c *conn) {
	c.place = handshakePlace
	p.handshakes = append(p.handshakes, c)
}

// relieveHandshakes has handshakes give way where there are more than may be, because
// their clients have not shown yet that they speak the protocol. It reports false when
// there is one too many, and none gives way yet.
func (s *Server) relieveHandshakes() bool {
	for len(s.places.handshakes) > maxHandshakes {
		if !s.giveWay("too many other connections have begun") {
			return false
		}
	}
	return true
}

// giveWay has one of the handshakes make room for another connection; its descriptors are
// free at the end of the turn. What its client has sent is read first: it does not give way
// when its hello has come. It reports false where there are no handshakes, or where all are
// too young for it. In the second case no connections are accepted until one is not.
func (s *Server) giveWay(why string) bool {
	c, others := crowded(s.places.handshakes)
	if c == nil {
		return false
	}
	if c.read(); c.state == accepted {
		if ripe := c.acceptedAt + int64(handshakeMinimum); !others && frame.Now() < ripe {
			s.holdAccept(ripe)
			return false
		}
		c.disconnect(frame.CodeHandshake, "no hello yet, and "+why, frame.ErrHandshake)
	}
	if c.state >= closing {
		s.places.leave(c)
	}
	return true
}

// leave gives c's place back. It may be called again.
func (p *places) leave(c *conn) {
	switch c.place {
	case handshakePlace:
		p.handshakes = without(p.handshakes, c)
	case visitorPlace:
		p.visitors = without(p.visitors, c)
	case reservedPlace:
		if p.reserved[c.reservation] == c {
			delete(p.reserved, c.reservation)
		}
	case ordinaryPlace:
		p.ordinary--
	}
	c.place = noPlace
}

func without(list []*conn, c *conn) []*conn {
	if i := slices.Index(list, c); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// crowded returns the connection that gives way to another: of the user who has most
// of list, and of that user's process that has most, the oldest. So a process that
// connects again and again only pushes itself out. others reports whether the process has
// others in list.
func crowded(list []*conn) (out *conn, others bool) {
	ofUser, ofProcess := 0, 0
	for _, c := range list {
		users, processes := 0, 0
		for _, d := range list {
			if d.peer.UID == c.peer.UID {
				users++
				if d.peer.PID == c.peer.PID {
					processes++
				}
			}
		}
		if users > ofUser || users == ofUser && processes > ofProcess {
			out, ofUser, ofProcess = c, users, processes
		}
	}
	return out, ofProcess > 1
}

// admitPeer asks policy what c may do, and gives it a place.
func (s *Server) admitPeer(c *conn) (policy.Grant, error) {
	grant, err := s.o.Policy.Admit(&c.peer)
	if err != nil {
		return grant, err
	}
	reserver, reserves := s.o.Policy.(policy.Reserver)
	if reserves {
		if name := reserver.Reserved(&c.peer); name != "" {
			s.takeReserved(c, name)
			return grant, nil
		}
	}
	if s.places.ordinary < s.o.MaxConnections {
		s.places.leave(c)
		c.place = ordinaryPlace
		s.places.ordinary++
		return grant, nil
	}
	full := error(&bus.LimitError{Limit: "max_connections", Max: int64(s.o.MaxConnections), Got: int64(s.o.MaxConnections) + 1})
	if !reserves {
		return policy.Grant{}, full
	}
	grant, err = reserver.Visit(&c.peer)
	if err != nil {
		return policy.Grant{}, fmt.Errorf("%w; %v", full, err)
	}
	s.takeVisitorPlace(c)
	may := grant.Authorize
	grant.Authorize = func(op bus.Op, topic string) error {
		if may == nil || may(op, topic) == nil {
			return nil
		}
		return fmt.Errorf("%w, and a visitor may not %s %q", full, op, topic)
	}
	return grant, nil
}

// takeReserved gives c the reserved place of that name. A connection that has it gives way:
// it is of a process that has ended, or that connects again.
func (s *Server) takeReserved(c *conn, name string) {
	p := &s.places
	p.leave(c)
	if old := p.reserved[name]; old != nil {
		old.disconnect(frame.CodeLimit, "another connection has taken the place of "+name, nil)
	}
	c.place, c.reservation = reservedPlace, name
	p.reserved[name] = c
}

// takeVisitorPlace gives c one of the visitors' places.
func (s *Server) takeVisitorPlace(c *conn) {
	p := &s.places
	p.leave(c)
	c.place, c.visitEnds = visitorPlace, frame.Now()+int64(policy.VisitTime)
	p.visitors = append(p.visitors, c)
	if len(p.visitors) > policy.MaxVisitors {
		old, _ := crowded(p.visitors)
		p.leave(old)
		s.endVisit(old, "another client needs the place")
	}
}

// endVisits ends the visits that have lasted for policy.VisitTime.
func (s *Server) endVisits(now int64) {
	for _, c := range s.places.visitors {
		if now >= c.visitEnds {
			s.endVisit(c, "it had its place for "+policy.VisitTime.String())
		}
	}
}

func (s *Server) endVisit(c *conn, why string) {
	c.disconnect(frame.CodeLimit, fmt.Sprintf("max_connections is %d, and as many are connected: %s", s.o.MaxConnections, why), nil)
}
