package network

import (
	"encoding/binary"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/event"
)

// apply takes a record into account. It reports whether a port was opened that has no
// number yet, because the kernel chooses it after the record: a look finds it.
func (t *tracker) apply(r *record) (unnamed bool) {
	at := t.clock.At(r.timeNs)
	c := t.table[r.cookie]
	switch {
	case r.kind != recordEnd && c != nil: // a look found it before its record was read
	case r.kind != recordEnd && r.local.Port() == 0:
		return true
	case r.kind != recordEnd && len(t.table) >= maxSockets:
		t.crowded()
	case r.kind != recordEnd:
		c = t.opened(r)
		t.table[r.cookie] = c
		t.emitter.announce(opening(c), c, 0, at)
		if c.leftOut {
			t.refuse(c)
		}
	case c != nil:
		c.traffic = r.traffic
		t.end(c, 0, at)
	case t.late(r.cookie):
	case r.leftOut:
		t.emitter.filter.Leave()
	case r.openedNs != 0 && r.local.Port() != 0: // the record of its begin was lost
		c = t.opened(r)
		t.emitter.announce(opening(c), c, 0, t.clock.At(r.openedNs))
		t.end(c, 0, at)
	}
	return false
}

// refuse has the kernel leave out what the user of a connection does, if that is why it was
// left out. After an error it does not, and they are left out here again.
func (t *tracker) refuse(c *conn) {
	if t.choice == nil {
		return
	}
	if v := t.emitter.filter.Verdict(&c.process); v.User {
		_ = t.choice.Refuse(v.Number, ebpf.Users, binary.LittleEndian.AppendUint32(nil, c.process.UID))
	}
}

// opened makes a connection or a port of a record.
func (t *tracker) opened(r *record) *conn {
	c := &conn{socket: r.socket, opened: r.openedNs, round: t.round, announced: true}
	switch {
	case c.listens():
		t.addPort(c)
		c.process = t.who(r)
	case r.opensHere():
		c.direction = event.Egress
		c.process = t.who(r)
	default:
		c.direction = event.Ingress
		l := t.table[r.port]
		if l == nil { // it was listened on before we came
			l = t.listener(&c.socket)
		}
		if l != nil {
			c.process = l.process
		} else {
			c.process = t.who(r)
		}
	}
	return c
}

// opening is the operation that begins a connection or a port.
func opening(c *conn) event.Operation {
	switch {
	case c.listens():
		return event.OpListen
	case c.direction == event.Ingress:
		return event.OpAccept
	}
	return event.OpConnect
}

// who finds out who the caller in a record is: from /proc, or from what the process
// collector has announced. What cannot be known otherwise is from the record. Its user is
// the one that it had when it called.
func (t *tracker) who(r *record) actor.Process {
	by := &r.by
	if by.pid == 0 {
		return actor.OfUser(r.uid)
	}
	p := *t.finder.Find(by.pid)
	if p.StartTicks != by.startTicks {
		// The finder has waited already for one that is gone. Another one may have its pid.
		known, ok := t.finder.Feed.Find(by.pid, by.startTicks, p.StartTicks != 0)
		if !ok {
			known = actor.Unknown(by.pid)
			known.PPID, known.StartTicks, known.Image.Name = by.parent, by.startTicks, by.name
			known.Flags &^= event.NameUnread
		}
		p = known
	}
	p.UID, p.GID, p.NoGroup = by.uid, by.gid, false
	p.Flags &^= event.UserUnread
	return p
}
