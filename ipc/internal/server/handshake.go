package server

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/policy"
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
	c.session = s.b.Attach(who, c, grant.Authorize, features)
	c.state = ready
	bo := s.b.Options()
	c.ctl, err = appendWelcome(c.ctl, &frame.Welcome{
		Source: c.session.ID(), Broker: bo.Name, Version: frame.Version, Features: features.Names(),
		MaxMessageSize: bo.MaxMessageSize, MaxConnections: s.o.MaxConnections, MaxQueued: bo.MaxQueued,
		HeartbeatMs: s.o.Heartbeat.Milliseconds(), Urgent: bo.Urgent, Epoch: s.epoch,
	})
	if err == nil {
		c.sendControl()
	}
	return err
}

func appendWelcome(dst []byte, w *frame.Welcome) ([]byte, error) {
	body, err := frame.AppendWelcome(nil, w)
	if err != nil {
		return dst, err
	}
	return append(frame.AppendControl(dst, frame.TypeWelcome, 0, frame.Now(), len(body)), body...), nil
}
