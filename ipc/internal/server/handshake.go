package server

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
)

var errHello = fmt.Errorf("%w: the first frame must be hello", frame.ErrHandshake)

// hello makes a connection a client and answers with welcome. An error is fatal.
func (c *conn) hello(f frame.Frame) error {
	s := c.s
	if f.Type() != frame.TypeHello {
		return errHello
	}
	h, err := frame.ParseHello(f.Payload())
	if err != nil {
		return err
	}
	c.peer.Name, c.peer.Role = h.Name, h.Role
	grant, err := s.admitPeer(c)
	c.cred.Close() // policy is done with the process, and each handle is a descriptor
	if err != nil {
		return err
	}
	c.rate.perSecond = int64(min(grant.PublishRate, policy.MaxRate))
	if c.rate.perSecond <= 0 {
		c.rate.perSecond = int64(s.o.PublishRate)
	}
	// The server forwards compressed payloads as they are, and inflates them for
	// clients that cannot.
	features := frame.ParseFeatures(h.Features) // the server has them all
	who := bus.Identity{Name: grant.Name, Role: grant.Role, PID: c.peer.PID, UID: c.peer.UID, GID: c.peer.GID}
	c.heartbeat = s.o.Heartbeat
	c.session = s.b.Attach(who, c, grant.Authorize, features)
	c.state = ready
	if c.ctl, err = appendWelcome(c.ctl, s.welcome(c.session, features), grant.Granted()); err == nil {
		c.sendControl()
	}
	return err
}

// welcome returns what the client of a session gets to know of the broker.
func (s *Server) welcome(p *broker.Session, features frame.Features) *frame.Welcome {
	bo := s.b.Options()
	return &frame.Welcome{
		Source: p.ID(), Broker: bo.Name, Version: frame.Version, Features: features.Names(),
		MaxMessageSize: bo.MaxMessageSize, MaxConnections: s.o.MaxConnections, MaxQueued: bo.MaxQueued,
		MaxRequests: bo.MaxRequests, MaxSubscriptions: bo.MaxSubscriptions,
		HeartbeatMs: s.o.Heartbeat.Milliseconds(), Urgent: bo.Urgent, Epoch: s.epoch,
	}
}

// appendWelcome appends the welcome frame, with what the client may do, unless that are
// too many patterns for a frame; nil is no information.
func appendWelcome(dst []byte, w *frame.Welcome, may *policy.Rights) ([]byte, error) {
	if may != nil {
		w.Publish, w.Subscribe, w.Request, w.Respond = list(may.Publish), list(may.Subscribe), list(may.Request), list(may.Respond)
	}
	w.ClockNs = frame.Now()
	body, err := frame.AppendWelcome(nil, w)
	if errors.Is(err, frame.ErrTooLarge) && may != nil {
		w.Publish, w.Subscribe, w.Request, w.Respond = nil, nil, nil, nil
		w.ClockNs = frame.Now()
		body, err = frame.AppendWelcome(nil, w)
	}
	if err != nil {
		return dst, err
	}
	return append(frame.AppendControl(dst, frame.TypeWelcome, 0, frame.Now(), len(body)), body...), nil
}

// list returns patterns as welcome has them: none is an empty list, because no list means
// that the broker does not report it.
func list(patterns []string) []string {
	if patterns == nil {
		return []string{}
	}
	return patterns
}
