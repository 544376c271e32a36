package process

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// The layout of the records of bpf/process.c. All of it is in the byte order of the
// host, which is little-endian for the object that is built.
//
//	 0  u16 kind, u16 flags, u32 pid, u64 time, u64 start          struct head
//	24  u32 parent, u32 uid, u32 gid, u32 value
//	40  u64 stack, 16 bytes name, u16 exe, u16 dir, u16 args        struct exec
//	80  text: two paths and the arguments, which end there
const (
	recordHead = 40
	recordText = 80

	recordFork = 1
	recordExec = 2
	recordExit = 3
)

// What a record could not hold: the flags of bpf/process.c.
const (
	recordArgsUnread = 1 << iota
	recordExeUnread
	recordExeDeleted
	recordDirUnread
	recordDirDeleted
	recordNoLogin
)

// parseRecord makes a report of a record, and reports whether it is of the form above.
func parseRecord(b []byte, ahead clock.Ahead) (r report, ok bool) {
	le := binary.LittleEndian
	if len(b) < recordHead {
		return r, false
	}
	r = report{
		pid:        le.Uint32(b[4:]),
		timeNs:     int64(le.Uint64(b[8:])) + ahead.MonoNs,
		startTicks: (le.Uint64(b[16:]) + uint64(ahead.BootNs)) / clock.TickNs,
		parent:     le.Uint32(b[24:]),
		uid:        le.Uint32(b[28:]),
		gid:        le.Uint32(b[32:]),
		complete:   true,
	}
	r.thread = r.pid
	flags := le.Uint16(b[2:])
	switch le.Uint16(b) {
	case recordFork:
		r.what = whatFork
	case recordExit:
		r.what, r.value = whatExit, le.Uint32(b[36:])
	case recordExec:
		r.what = whatExec
		r.seen, ok = parseProgram(b, flags)
		if !ok {
			return r, false
		}
		r.seen.PPID, r.seen.StartTicks = r.parent, r.startTicks
		r.seen.UID, r.seen.GID = r.uid, r.gid
	default:
		return r, false
	}
	return r, true
}

// parseProgram reads what a record has of the program that a process runs.
func parseProgram(b []byte, flags uint16) (*proc.Observation, bool) {
	le := binary.LittleEndian
	if len(b) < recordText {
		return nil, false
	}
	text := b[recordText:]
	exe, dir, args := int(le.Uint16(b[64:])), int(le.Uint16(b[66:])), int(le.Uint16(b[68:]))
	if exe > dir || dir > args || args > len(text) {
		return nil, false
	}
	name, _, _ := bytes.Cut(b[48:64], []byte{0})
	o := &proc.Observation{
		Stack: le.Uint64(b[40:]),
		Alive: true,
		Login: le.Uint32(b[36:]),
		Image: proc.Image{
			Name:        string(name),
			Executable:  pathOf(text[:exe]),
			Directory:   pathOf(text[exe:dir]),
			CommandLine: string(text[dir:args]),
		},
	}
	for _, f := range [...]struct {
		record uint16
		event  event.Flags
	}{
		{recordArgsUnread, event.CommandLineUnread},
		{recordExeUnread, event.ExecutableUnread},
		{recordExeDeleted, event.ExecutableDeleted},
		{recordDirUnread, event.DirectoryUnread},
		{recordDirDeleted, event.DirectoryDeleted},
		{recordNoLogin, event.LoginUnread},
	} {
		if flags&f.record != 0 {
			o.Unread |= f.event
		}
	}
	return o, true
}

// pathOf puts the components of a path into their order: the record has the last one
// first, each with a zero behind it. Without any it is the root.
func pathOf(parts []byte) string {
	var b strings.Builder
	b.Grow(len(parts) + 1)
	for rest := bytes.TrimSuffix(parts, []byte{0}); len(rest) > 0; {
		i := bytes.LastIndexByte(rest, 0)
		b.WriteByte('/')
		b.Write(rest[i+1:])
		rest = rest[:max(i, 0)]
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
