package process

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
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

// what is the kind of an event of the connector.
type what uint32

// The kinds that are looked at; the connector has others (PROC_EVENT_*).
const (
	whatAck  what = 0x00000000 // answer to a request
	whatFork what = 0x00000001
	whatExec what = 0x00000002
	whatUID  what = 0x00000004
	whatGID  what = 0x00000040
	whatExit what = 0x80000000
)

// report is one event of the connector.
type report struct {
	what   what
	cpu    uint32 // that reported
	seq    uint32 // of the reports of that cpu
	ack    uint32 // of an answer: one more than that of the request
	timeNs int64  // CLOCK_MONOTONIC

	thread uint32 // the kernel's pid: of the child for a fork
	pid    uint32 // the thread group: what everybody else calls pid
	parent uint32 // thread group of the parent; fork and exit only
	value  uint32 // exit: status as wait(2) gives it; uid, gid: the effective id; ack: errno

	// What the process runs, of an exec, and when that was seen; nil when it is not known.
	seen   *proc.Observation
	seenAt int64

	// What only the kernel's programs say.
	complete   bool   // each report is of a whole process, and an exit is its end
	startTicks uint64 // of the process
	uid, gid   uint32 // effective
}

// ofProcess reports whether the event is about a process as a whole and not
// about another thread of it.
func (r *report) ofProcess() bool { return r.thread == r.pid }

// errMessage says that the kernel's message is not of the form above.
var errMessage = errors.New("process: malformed message of the process connector")

// nextReport parses the first message of b, and returns what lies behind it.
func nextReport(b []byte) (r report, rest []byte, err error) {
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
	r = report{
		what:   what(ne.Uint32(e)),
		cpu:    ne.Uint32(e[4:]),
		seq:    ne.Uint32(c[8:]),
		ack:    ne.Uint32(c[12:]),
		timeNs: int64(ne.Uint64(e[8:])),
	}
	if !r.parseBody(m[offBody:]) {
		return r, nil, errMessage
	}
	return r, b[length:], nil
}

// parseBody reads what belongs to the kind of the event. Kinds that are not
// looked at count as read. Older kernels send less, and later ones may send
// more, so that each kind asks for what it needs only.
func (r *report) parseBody(b []byte) bool {
	u32 := func(off int) uint32 { return binary.NativeEndian.Uint32(b[off:]) }
	switch r.what {
	case whatAck:
		if len(b) < 4 {
			return false
		}
		r.value = u32(0)
	case whatFork:
		if len(b) < 16 {
			return false
		}
		r.parent, r.thread, r.pid = u32(4), u32(8), u32(12)
	case whatExec:
		if len(b) < 8 {
			return false
		}
		r.thread, r.pid = u32(0), u32(4)
	case whatUID, whatGID:
		if len(b) < 16 {
			return false
		}
		r.thread, r.pid, r.value = u32(0), u32(4), u32(12)
	case whatExit:
		if len(b) < 16 {
			return false
		}
		r.thread, r.pid, r.value = u32(0), u32(4), u32(8)
	}
	return true
}

// exitStatus turns a status of wait(2) into that of an event: what was given to
// exit, or the signal.
func exitStatus(status uint32) event.Detail {
	if signal := uint8(status & 0x7f); signal != 0 {
		return event.Detail{Code: 128 + signal, Signal: signal}
	}
	return event.Detail{Code: uint8(status >> 8)}
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
