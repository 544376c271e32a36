package network

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/event"
)

// The topics of the collector.
const (
	TopicConnections = "events.network.connections" // connections, and ports that are listened on
	TopicDNS         = "events.network.dns"         // names that were looked up
	TopicTraffic     = "events.network.traffic"     // what went through each interface
)

// emitter makes events of sockets.
//
// One goroutine at a time.
type emitter struct {
	*emit.Emitter
	encoder *actor.Encoder
	filter  *filter.Filter // nil leaves out nothing
}

// newEmitter makes an emitter. h is complete; sequence is the number of the last event.
func newEmitter(to collector.Emit, h host.Host, sequence *uint64) *emitter {
	return &emitter{Emitter: emit.New(to, h.Origin(Name), event.TypeNetwork, sequence), encoder: actor.NewEncoder(h.Passwd)}
}

// announce emits what happened to a socket, unless that is to be left out. Its end is if
// its begin was.
func (e *emitter) announce(op event.Operation, c *conn, how event.Flags, at clock.Moment) {
	if op != event.OpClose {
		c.leftOut = !e.filter.Passes(&c.process)
	} else if c.leftOut {
		e.filter.Leave()
	}
	if c.leftOut {
		return
	}
	who, flags := e.encoder.Encode(&c.process, at)
	h := event.Header{Operation: op, Flags: flags | how, PID: c.process.PID, StartTicks: c.process.StartTicks}
	body := event.Connection{Transport: "tcp", Direction: c.direction}
	if c.protocol == unix.IPPROTO_UDP {
		body.Transport = "udp"
	}
	local, remote := endpoint(c.local), endpoint(c.remote)
	if op == event.OpClose && c.traffic.known && !c.listens() {
		local.Bytes, remote.Bytes = event.Known(c.traffic.sent), event.Known(c.traffic.received)
	}
	switch {
	case c.listens():
		body.Destination = local
	case c.direction == event.Ingress:
		body.Source, body.Destination = remote, local
	default:
		body.Source, body.Destination = local, remote
	}
	if op == event.OpClose && c.opened != 0 {
		body.DurationNs = event.Known(uint64(max(at.MonoNs-c.opened, 0)))
	}
	emit.Event(e.Emitter, TopicConnections, h, at, who, &body)
}

// metric emits a measurement, which nobody caused.
func (e *emitter) metric(topic string, body *event.Connection, at clock.Moment) {
	emit.Event(e.Emitter, topic, event.Header{Operation: event.OpSample}, at, event.ActorBlock{}, body)
}

func endpoint(a netip.AddrPort) event.Endpoint {
	return event.Endpoint{Address: a.Addr().String(), Port: a.Port()}
}
