package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Direction is who opened a connection.
type Direction uint8

// The directions.
const (
	Egress  Direction = 1 // this host
	Ingress Direction = 2 // the other one
)

// Connection is the body of a network event: a connection, a port that is
// listened on, a query for a name, or the traffic of an interface. What is not known
// is empty or 0.
type Connection struct {
	Source, Destination Endpoint
	Transport           string // tcp, udp
	Direction           Direction
	DurationNs          Number // of a connection that ended
	Query               Query
	Traffic             Traffic
}

// Traffic is what went through an interface since the sample before.
type Traffic struct {
	Interface  string
	DurationNs Number // since that sample
	In, Out    Flow
}

// Flow is one direction of it.
type Flow struct{ Bytes, Packets, Errors, Dropped Number }

// Endpoint is one end of a connection.
type Endpoint struct {
	Address string // as netip.Addr writes it
	Port    uint16
	Name    string // of the host
	Bytes   Number // that it sent
}

// Query is a question to the domain name system and its answer.
type Query struct {
	Name    string
	Type    string // A, AAAA
	Status  string // NOERROR, NXDOMAIN
	Answers string // each ended by a NUL
}

// Network is a network event.
type Network = Event[Connection]

var (
	directionWords = []string{Egress: "egress", Ingress: "ingress"}
	initiatedWords = []string{Egress: "true", Ingress: "false"}
)

var connection = newBlock(offBody, TableNetwork, wire.HeadSize,
	row[Connection]{name: "source.ip", sigma: "SourceIp", doc: "address that opened the connection",
		form: text(MaxName, func(c *Connection) *string { return &c.Source.Address })},
	row[Connection]{name: "source.port", sigma: "SourcePort", doc: "port that opened it",
		form: number(KindNumber, func(c *Connection) *uint16 { return &c.Source.Port })},
	row[Connection]{name: "source.domain", sigma: "SourceHostname", doc: "host name of the source",
		form: text(MaxHost, func(c *Connection) *string { return &c.Source.Name })},
	row[Connection]{name: "source.bytes", doc: "bytes that the source sent",
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Source.Bytes })},
	row[Connection]{name: "destination.ip", sigma: "DestinationIp", doc: "address that the connection was opened to",
		form: text(MaxName, func(c *Connection) *string { return &c.Destination.Address })},
	row[Connection]{name: "destination.port", sigma: "DestinationPort", doc: "port that it was opened to",
		form: number(KindNumber, func(c *Connection) *uint16 { return &c.Destination.Port })},
	row[Connection]{name: "destination.domain", sigma: "DestinationHostname", doc: "host name of the destination",
		form: text(MaxHost, func(c *Connection) *string { return &c.Destination.Name })},
	row[Connection]{name: "destination.bytes", doc: "bytes that the destination sent",
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Destination.Bytes })},
	row[Connection]{name: "network.transport", sigma: "Protocol", doc: "transport: tcp, udp",
		form: text(MaxName, func(c *Connection) *string { return &c.Transport })},
	row[Connection]{name: "network.direction", doc: "egress if this host opened it, or ingress",
		form: word(directionWords, func(c *Connection) *Direction { return &c.Direction })},
	row[Connection]{name: "daemoneye.initiated", sigma: "Initiated", doc: "true if this host opened it, or false",
		form: wordAgain(initiatedWords, func(c *Connection) *Direction { return &c.Direction })},
	row[Connection]{name: "event.duration", doc: "how long the connection lasted, ns",
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.DurationNs })},
	row[Connection]{name: "dns.question.name", sigma: "QueryName query", doc: "name that the query asks for",
		form: text(MaxHost, func(c *Connection) *string { return &c.Query.Name })},
	row[Connection]{name: "dns.question.type", sigma: "record_type", doc: "type of the query: A, AAAA and so on",
		form: text(MaxName, func(c *Connection) *string { return &c.Query.Type })},
	row[Connection]{name: "dns.response_code", sigma: "QueryStatus", doc: "status of the answer: NOERROR, NXDOMAIN and so on",
		form: text(MaxName, func(c *Connection) *string { return &c.Query.Status })},
	row[Connection]{name: "dns.answers.data", sigma: "QueryResults answer", doc: "records of the answer",
		form: list(MaxAnswers, TextTruncated, func(c *Connection) *string { return &c.Query.Answers })},
	row[Connection]{name: "system.network.name", doc: "interface that the traffic went through", only: OpSample,
		form: text(MaxName, func(c *Connection) *string { return &c.Traffic.Interface })},
	row[Connection]{name: "system.network.in.bytes", doc: "bytes received since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.In.Bytes })},
	row[Connection]{name: "system.network.in.packets", doc: "packets received since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.In.Packets })},
	row[Connection]{name: "system.network.in.errors", doc: "packets that came broken, since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.In.Errors })},
	row[Connection]{name: "system.network.in.dropped", doc: "received packets that were dropped, since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.In.Dropped })},
	row[Connection]{name: "system.network.out.bytes", doc: "bytes sent since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.Out.Bytes })},
	row[Connection]{name: "system.network.out.packets", doc: "packets sent since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.Out.Packets })},
	row[Connection]{name: "system.network.out.errors", doc: "packets that could not be sent, since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.Out.Errors })},
	row[Connection]{name: "system.network.out.dropped", doc: "packets that were dropped instead of being sent, since the sample before", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.Out.Dropped })},
	row[Connection]{name: "daemoneye.sample.duration", doc: "time since the sample before, ns", only: OpSample,
		form: maybe(KindNumber, 8, func(c *Connection) *Number { return &c.Traffic.DurationNs })},
)
