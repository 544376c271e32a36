package event

import (
	"encoding/hex"
	"strconv"
)

// timeLayout is RFC 3339 with every digit, so that lines sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// AppendJSON appends v as one JSON object on one line, with the field names of
// the Elastic Common Schema; what that has no name for stands under
// "daemoneye". It does not allocate when dst has room.
//
// Text that is not UTF-8 has U+FFFD in the place of bad bytes, and control
// characters are escaped, so that a line may be shown on a terminal.
func AppendJSON(dst []byte, v View) []byte {
	j := object{b: dst}
	j.open("")
	j.key("@timestamp")
	j.b = append(v.Time().AppendFormat(append(j.b, '"'), timeLayout), '"')
	j.event(v)
	j.host(v)
	if p, ok := v.Process(); ok {
		j.process(p)
	}
	j.own(v)
	j.close()
	return j.b
}

func (j *object) event(v View) {
	j.open("event")
	j.str("action", v.Operation().String())
	j.str("kind", "event")
	j.list("category", v.Type().String())
	j.list("type", ecsType(v.Operation()))
	j.num("sequence", v.Sequence())
	j.text("provider", v.Collector())
	j.close()
}

func ecsType(o Operation) string {
	switch o {
	case OpStart, OpFork:
		return "start"
	case OpExit:
		return "end"
	}
	return "info"
}

func (j *object) host(v View) {
	j.open("host")
	j.text("name", v.Host())
	j.open("boot")
	j.key("id")
	j.b = append(appendUUID(append(j.b, '"'), v.BootID()), '"')
	j.close()
	j.close()
}

func (j *object) process(p ProcessView) {
	j.open("process")
	j.num("pid", uint64(p.PID()))
	j.entity(p.BootID(), p.PID(), p.StartTicks())
	if p.PPID() != 0 {
		j.open("parent")
		j.num("pid", uint64(p.PPID()))
		j.entity(p.BootID(), p.PPID(), p.ParentStartTicks())
		j.optional("name", p.ParentName())
		j.optional("executable", p.ParentExecutable())
		j.optional("command_line", p.ParentCommandLine())
		j.close()
	}
	j.optional("name", p.Name())
	j.optional("executable", p.Executable())
	j.optional("command_line", p.CommandLine())
	if p.NumArgs() > 0 {
		j.key("args")
		j.begin('[')
		for arg := range p.Args() {
			j.item(arg)
		}
		j.end(']')
	}
	j.optional("working_directory", p.Directory())
	j.exit(p)
	j.close()
	if !p.Flags().Has(UserUnread) || p.Flags().Has(ImageInherited) {
		j.id("user", p.UID())
		j.id("group", p.GID())
	}
}

// entity appends the key of a process that no other process ever has. Without
// the start there is none.
func (j *object) entity(boot [16]byte, pid uint32, ticks uint64) {
	if ticks == 0 {
		return
	}
	j.key("entity_id")
	j.b = appendUUID(append(j.b, '"'), boot)
	j.b = strconv.AppendUint(append(j.b, '-'), uint64(pid), 10)
	j.b = strconv.AppendUint(append(j.b, '-'), ticks, 10)
	j.b = append(j.b, '"')
}

// exit gives the status of an ended process as shells do: a signal counts as
// 128 and its number. The signal stands beside it, for a process may also give
// such a code to exit by itself.
func (j *object) exit(p ProcessView) {
	if p.Operation() != OpExit || p.Flags().Has(ExitStatusUnknown) {
		return
	}
	if signal := p.ExitSignal(); signal != 0 {
		j.num("exit_code", 128+uint64(signal))
		j.num("exit_signal", uint64(signal))
		return
	}
	j.num("exit_code", uint64(p.ExitCode()))
}

// id appends an object with an id, which the schema wants as text.
func (j *object) id(key string, id uint32) {
	j.open(key)
	j.key("id")
	j.b = append(strconv.AppendUint(append(j.b, '"'), uint64(id), 10), '"')
	j.close()
}

// own appends what the schema has no names for.
func (j *object) own(v View) {
	j.open("daemoneye")
	j.key("monotonic_ns")
	j.b = strconv.AppendInt(j.b, v.MonoNs(), 10)
	if v.StartTicks() != 0 {
		j.num("start_ticks", v.StartTicks())
	}
	if g, ok := v.Gap(); ok {
		j.open("gap")
		j.num("lost", g.Lost())
		j.num("total", g.Total())
		j.text("reason", g.Reason())
		j.close()
	}
	if v.Flags() != 0 {
		j.key("context")
		j.begin('[')
		for name := range v.Flags().Names() {
			j.comma()
			j.b = append(append(append(j.b, '"'), name...), '"')
		}
		j.end(']')
	}
	j.close()
}

func appendUUID(dst []byte, id [16]byte) []byte {
	for i, n := 0, 0; n < len(id); i++ {
		size := uuidGroups[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[n:n+size])
		n += size
	}
	return dst
}

var uuidGroups = [...]int{4, 2, 2, 2, 6}
