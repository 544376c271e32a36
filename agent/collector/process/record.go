package process

import (
	"bytes"
	"encoding/binary"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

// The layout of the records of bpf/process.c. All of it is in the byte order of the
// host, which is little-endian for the object that is built.
//
//	 0  u16 kind, u16 flags, u32 pid, u64 time, u64 start          struct head
//	24  u32 parent, u32 uid, u32 gid, u32 value
//	40  u64 stack, u64 control group, 16 bytes name                 struct exec
//	72  u16 × 6: where executable, directory, three control groups and arguments end
//	84  u32, and then the text of them
const (
	recordHead = 40
	recordText = 88

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
	recordGroupUnread
	recordLeftOut
)

// records makes reports of the records of the kernel's programs.
//
// One goroutine at a time.
type records struct {
	ahead clock.Ahead
	proc  *proc.Reader // knows what control groups mean
	group []byte       // text of them
}

// parse makes a report of a record, and reports whether it is of the form above.
func (x *records) parse(b []byte) (r report.Report, ok bool) {
	le := binary.LittleEndian
	if len(b) < recordHead {
		return r, false
	}
	r = report.Report{
		PID:        le.Uint32(b[4:]),
		TimeNs:     int64(le.Uint64(b[8:])) + x.ahead.MonoNs,
		StartTicks: (le.Uint64(b[16:]) + uint64(x.ahead.BootNs)) / clock.TickNs,
		Parent:     le.Uint32(b[24:]),
		UID:        le.Uint32(b[28:]),
		GID:        le.Uint32(b[32:]),
		Complete:   true,
	}
	r.Thread = r.PID
	flags := le.Uint16(b[2:])
	r.LeftOut = flags&recordLeftOut != 0
	switch le.Uint16(b) {
	case recordFork:
		r.Kind = report.Fork
	case recordExit:
		r.Kind, r.Value = report.Exit, le.Uint32(b[36:])
	case recordExec:
		r.Kind = report.Exec
		if ok = x.parseProgram(b, flags, &r); !ok {
			return r, false
		}
		r.SeenAt = r.TimeNs
		r.Seen.PPID, r.Seen.StartTicks = r.Parent, r.StartTicks
		r.Seen.UID, r.Seen.GID = r.UID, r.GID
	default:
		return r, false
	}
	return r, true
}

// parseProgram reads what a record has of the program that a process runs.
func (x *records) parseProgram(b []byte, flags uint16, r *report.Report) bool {
	le := binary.LittleEndian
	if len(b) < recordText {
		return false
	}
	text := b[recordText:]
	var parts [6][]byte // executable, directory, three control groups, arguments
	for i, begin := 0, 0; i < len(parts); i++ {
		end := int(le.Uint16(b[72+2*i:]))
		if end < begin || end > len(text) {
			return false
		}
		parts[i], begin = text[begin:end], end
	}
	name, _, _ := bytes.Cut(b[56:72], []byte{0})
	o := &proc.Observation{
		Stack: le.Uint64(b[40:]),
		Alive: true,
		Login: le.Uint32(b[36:]),
		Image: proc.Image{
			Name:        string(name),
			Executable:  string(appendPath(nil, parts[0])),
			Directory:   string(appendPath(nil, parts[1])),
			CommandLine: string(parts[5]),
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
		{recordGroupUnread, event.CgroupUnread},
	} {
		if flags&f.record != 0 {
			o.Unread |= f.event
		}
	}
	o.Cgroup = x.cgroup(parts[2], parts[3], parts[4])
	if flags&recordExeUnread == 0 {
		r.Program = parts[0]
	}
	if len(parts[2]) > 0 && flags&recordGroupUnread == 0 {
		r.Group = le.Uint64(b[48:])
	}
	r.Seen = o
	return true
}

// cgroup returns where a process belongs by its control groups: that of version 2, that of
// systemd in version 1, and another one of version 1.
func (x *records) cgroup(own, systemd, other []byte) proc.Cgroup {
	x.group = append(appendPath(append(x.group[:0], "0::"...), own), '\n')
	x.group = append(appendPath(append(x.group, "1:name=systemd:"...), systemd), '\n')
	x.group = append(appendPath(append(x.group, "2:other:"...), other), '\n')
	return x.proc.Cgroup(x.group)
}

// appendPath puts the components of a path into their order: the record has the last one
// first, each with a zero behind it. Without any it is the root.
func appendPath(dst, parts []byte) []byte {
	rest := bytes.TrimSuffix(parts, []byte{0})
	if len(rest) == 0 {
		return append(dst, '/')
	}
	for {
		i := bytes.LastIndexByte(rest, 0)
		dst = append(append(dst, '/'), rest[i+1:]...)
		if i < 0 {
			return dst
		}
		rest = rest[:i]
	}
}
