package connector

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// The kernel's process connector (drivers/connector/cn_proc.c, linux/cn_proc.h)
// sends one datagram for each event: a netlink header, a connector header, an
// event. All of it is in the byte order of the host.
//
//	 0  u32 length, u16 type, u16 flags, u32 sequence, u32 port   struct nlmsghdr
//	16  u32 idx, u32 val, u32 seq, u32 ack, u16 length, u16 flags struct cn_msg
//	36  u32 what, u32 cpu, u64 time                               struct proc_event
//	52  what belongs to the event
const (
	netlinkHeader   = 16
	connectorHeader = 20
	eventHeader     = 16
	offConnector    = netlinkHeader
	offEvent        = offConnector + connectorHeader
	offBody         = offEvent + eventHeader

	connectorProc = 1 // CN_IDX_PROC and CN_VAL_PROC: the connector's address and its multicast group

	// maxMessage bounds one datagram: the largest body that exists has 24 bytes.
	maxMessage = 128
)

// Message is one message of the connector. Of an answer to a request Value is the error.
type Message struct {
	report.Report
	CPU uint32 // that reported
	Seq uint32 // of the reports of that cpu
	ack uint32 // of an answer: one more than that of the request
}

// errMessage means that the kernel's message is not of the form above.
var errMessage = errors.New("process: malformed message of the process connector")

// Next parses the first message of b, and returns what lies behind it.
func Next(b []byte) (r Message, rest []byte, err error) {
	ne := binary.NativeEndian
	if len(b) < netlinkHeader {
		return r, nil, errMessage
	}
	length := ne.Uint32(b)
	if length < offBody || uint64(length) > uint64(len(b)) || ne.Uint16(b[4:]) != unix.NLMSG_DONE {
		return r, nil, errMessage
	}
	m := b[:length]
	c := m[offConnector:]
	if ne.Uint32(c) != connectorProc || ne.Uint32(c[4:]) != connectorProc {
		return r, nil, errMessage
	}
	e := m[offEvent:]
	if int(ne.Uint16(c[16:])) > len(e) {
		return r, nil, errMessage
	}
	r = Message{
		Report: report.Report{Kind: report.Kind(ne.Uint32(e)), TimeNs: int64(ne.Uint64(e[8:]))},
		CPU:    ne.Uint32(e[4:]),
		Seq:    ne.Uint32(c[8:]),
		ack:    ne.Uint32(c[12:]),
	}
	if !r.parseBody(m[offBody:]) {
		return r, nil, errMessage
	}
	return r, b[length:], nil
}

// parseBody reads what belongs to the kind of the event. Kinds that are not
// looked at count as read. Older kernels send less, and later ones may send
// more, so that each kind asks for what it needs only.
func (r *Message) parseBody(b []byte) bool {
	u32 := func(off int) uint32 { return binary.NativeEndian.Uint32(b[off:]) }
	switch r.Kind {
	case report.Ack:
		if len(b) < 4 {
			return false
		}
		r.Value = u32(0)
	case report.Fork:
		if len(b) < 16 {
			return false
		}
		r.Parent, r.Thread, r.PID = u32(4), u32(8), u32(12)
	case report.Exec:
		if len(b) < 8 {
			return false
		}
		r.Thread, r.PID = u32(0), u32(4)
	case report.UID, report.GID:
		if len(b) < 16 {
			return false
		}
		r.Thread, r.PID, r.Value = u32(0), u32(4), u32(12)
	case report.Exit:
		if len(b) < 16 {
			return false
		}
		r.Thread, r.PID, r.Value = u32(0), u32(4), u32(8)
	}
	return true
}

// Requests to the connector: enum proc_cn_mcast_op.
const (
	requestListen uint32 = 1
	requestIgnore uint32 = 2
)

// appendRequest appends a request. It asks for all events: the connector can
// filter since Linux 6.6, but its sequence numbers count what it filtered out,
// and only an unbroken sequence tells how much was lost.
//
// The answer goes to every listener and carries one more than ack.
func appendRequest(dst []byte, op, ack uint32) []byte {
	ne := binary.NativeEndian
	const length = netlinkHeader + connectorHeader + 4
	dst = ne.AppendUint32(dst, length)
	dst = ne.AppendUint16(dst, unix.NLMSG_DONE)
	dst = ne.AppendUint16(dst, 0)
	dst = ne.AppendUint32(dst, 0)
	dst = ne.AppendUint32(dst, 0)

	dst = ne.AppendUint32(dst, connectorProc)
	dst = ne.AppendUint32(dst, connectorProc)
	dst = ne.AppendUint32(dst, 0)
	dst = ne.AppendUint32(dst, ack)
	dst = ne.AppendUint16(dst, 4)
	dst = ne.AppendUint16(dst, 0)
	return ne.AppendUint32(dst, op)
}

// Append appends m as the kernel sends it: the reverse of Next, for tests and benchmarks.
func Append(dst []byte, m Message) []byte {
	ne := binary.NativeEndian
	b := make([]byte, offBody+24)
	ne.PutUint32(b, uint32(len(b)))
	ne.PutUint16(b[4:], unix.NLMSG_DONE)
	ne.PutUint32(b[offConnector:], connectorProc)
	ne.PutUint32(b[offConnector+4:], connectorProc)
	ne.PutUint32(b[offConnector+8:], m.Seq)
	ne.PutUint16(b[offConnector+16:], uint16(len(b)-offEvent))
	ne.PutUint32(b[offEvent:], uint32(m.Kind))
	ne.PutUint32(b[offEvent+4:], m.CPU)
	ne.PutUint64(b[offEvent+8:], uint64(m.TimeNs))
	body := b[offBody:]
	switch m.Kind {
	case report.Fork:
		ne.PutUint32(body[4:], m.Parent)
		ne.PutUint32(body[8:], m.Thread)
		ne.PutUint32(body[12:], m.PID)
	default:
		ne.PutUint32(body, m.Thread)
		ne.PutUint32(body[4:], m.PID)
		ne.PutUint32(body[8:], m.Value)
	}
	return append(dst, b...)
}
