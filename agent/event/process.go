package event

import (
	"encoding/binary"
	"iter"
	"strings"
)

// Process is a process event to be built, or one that was copied out of its
// binary form.
type Process struct {
	Header
	PPID             uint32
	ParentStartTicks uint64 // 0 when not known
	UID, GID         uint32 // effective
	ExitCode         uint8  // of OpExit: what the process gave to exit
	ExitSignal       uint8  // of OpExit: the signal that ended it, 0 for none

	Name       string // as the kernel keeps it: at most 15 bytes, set by exec and changed at will
	Executable string
	// CommandLine holds the arguments, each ended (the last one may do without)
	// by a NUL, as /proc/PID/cmdline does.
	CommandLine string
	Directory   string // working directory, empty when not known

	ParentName        string
	ParentExecutable  string
	ParentCommandLine string // in the form of CommandLine
}

// AppendProcess appends the event p to dst and returns the extended buffer. The
// type is TypeProcess whatever p.Type says. Text past its bound is cut; a cut
// command line sets CommandLineTruncated in the event. It does not allocate
// when dst has room.
func AppendProcess(dst []byte, p *Process) []byte {
	b := newBuilder(dst, &p.Header, processFixed, processStrings)
	e := b.b[b.start:]
	e[offType] = byte(TypeProcess)
	le := binary.LittleEndian
	le.PutUint32(e[offPPID:], p.PPID)
	le.PutUint32(e[offUID:], p.UID)
	le.PutUint32(e[offGID:], p.GID)
	e[offExitCode] = p.ExitCode
	e[offExitSignal] = p.ExitSignal
	le.PutUint64(e[offParentTicks:], p.ParentStartTicks)

	commandLine := cutCommandLine(p.CommandLine)
	if len(commandLine) < len(strings.TrimRight(p.CommandLine, "\x00")) {
		le.PutUint64(e[offFlags:], uint64(p.Flags|CommandLineTruncated))
	}
	b.text(p.Name, MaxName)
	b.text(p.Executable, MaxPath)
	b.b = appendCommandLine(b.b, commandLine)
	b.endString()
	b.b = appendArgEnds(b.b, commandLine)
	b.endString()
	b.text(p.Directory, MaxPath)
	b.text(p.ParentName, MaxName)
	b.text(p.ParentExecutable, MaxPath)
	b.b = appendCommandLine(b.b, cutCommandLine(p.ParentCommandLine))
	b.endString()
	return b.finish()
}

// ProcessView reads the fields of a process event in place. It borrows like the
// View that it was made from.
type ProcessView struct{ View }

// Process returns v as a process event, and whether it is one.
func (v View) Process() (ProcessView, bool) {
	if !v.isProcess() {
		return ProcessView{}, false
	}
	return ProcessView{v}, true
}

// PPID returns the parent's pid, 0 for none.
func (p ProcessView) PPID() uint32 { return p.u32(offPPID) }

// ParentStartTicks returns when the parent started, 0 when that is not known.
func (p ProcessView) ParentStartTicks() uint64 { return p.u64(offParentTicks) }

// UID returns the effective user id.
func (p ProcessView) UID() uint32 { return p.u32(offUID) }

// GID returns the effective group id.
func (p ProcessView) GID() uint32 { return p.u32(offGID) }

// ExitCode returns what the process gave to exit, if it ended by itself.
func (p ProcessView) ExitCode() uint8 { return p.View[offExitCode] }

// ExitSignal returns the signal that ended the process, 0 if it ended by itself.
func (p ProcessView) ExitSignal() uint8 { return p.View[offExitSignal] }

// Name returns the kernel's name of the process.
func (p ProcessView) Name() []byte { return p.text(strName) }

// Executable returns the path of the program.
func (p ProcessView) Executable() []byte { return p.text(strExecutable) }

// CommandLine returns the arguments with a space between each two.
func (p ProcessView) CommandLine() []byte { return p.text(strCommandLine) }

// Directory returns the working directory.
func (p ProcessView) Directory() []byte { return p.text(strDirectory) }

// ParentName returns the kernel's name of the parent.
func (p ProcessView) ParentName() []byte { return p.text(strParentName) }

// ParentExecutable returns the path of the parent's program.
func (p ProcessView) ParentExecutable() []byte { return p.text(strParentExe) }

// ParentCommandLine returns the parent's arguments with a space between each two.
func (p ProcessView) ParentCommandLine() []byte { return p.text(strParentCommand) }

// NumArgs returns the number of arguments, the program's name among them.
func (p ProcessView) NumArgs() int { return len(p.text(strArgEnds)) / argEndSize }

// Args yields the arguments in order, the program's name first.
func (p ProcessView) Args() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		line, ends := p.CommandLine(), p.text(strArgEnds)
		for start := 0; len(ends) > 0; ends = ends[argEndSize:] {
			end := int(binary.LittleEndian.Uint16(ends))
			if !yield(line[start:end:end]) {
				return
			}
			start = end + 1
		}
	}
}

// Copy returns the event with its text copied: for tests, tools and whoever
// keeps an event longer than its bytes. The parent's command line comes back
// with spaces, for its arguments are not kept apart.
func (p ProcessView) Copy() Process {
	args := make([]byte, 0, len(p.CommandLine()))
	for arg := range p.Args() {
		args = append(append(args, arg...), 0)
	}
	return Process{
		Header:            p.Header(),
		PPID:              p.PPID(),
		ParentStartTicks:  p.ParentStartTicks(),
		UID:               p.UID(),
		GID:               p.GID(),
		ExitCode:          p.ExitCode(),
		ExitSignal:        p.ExitSignal(),
		Name:              string(p.Name()),
		Executable:        string(p.Executable()),
		CommandLine:       string(args),
		Directory:         string(p.Directory()),
		ParentName:        string(p.ParentName()),
		ParentExecutable:  string(p.ParentExecutable()),
		ParentCommandLine: string(p.ParentCommandLine()),
	}
}
