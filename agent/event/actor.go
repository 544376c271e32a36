package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// MaxAncestors is how many ancestors an event names beyond the parent.
const MaxAncestors = 5

// Ancestor is a process above the parent.
type Ancestor struct {
	PID        uint32
	Name       string
	Executable string // its last MaxAncestorPath bytes
}

// Actor is the process that acted. It stands in every event that somebody
// caused.
type Actor struct {
	Name       string // as the kernel keeps it: at most 15 bytes, set by exec and changed at will
	Executable string
	// CommandLine holds the arguments, each ended (the last one may do without)
	// by a NUL, as /proc/PID/cmdline does.
	CommandLine string
	Directory   string // working directory
	StartNs     int64  // when it started, since 1970; 0 when not known

	UID, GID  Number // effective
	User      string // name of UID
	LoginUID  Number // who logged in, whatever user it is by now
	LoginUser string // name of LoginUID

	Container string // id of the container
	Unit      string // unit of systemd

	PPID              uint32
	ParentStartTicks  uint64 // 0 when not known
	ParentName        string
	ParentExecutable  string
	ParentCommandLine string // in the form of CommandLine

	// Ancestors above the parent, the nearest first.
	Ancestors [MaxAncestors]Ancestor
}

var actor = newBlock(offActor, 0, wire.HeadSize,
	row[Actor]{name: "process.parent.pid", sigma: "ParentProcessId", doc: "pid of the parent",
		form: number(KindNumber, func(a *Actor) *uint32 { return &a.PPID })},
	row[Actor]{name: "process.ancestors.pid", doc: "pids of the parent, its parent, and so on; up to six", partial: AncestorsUnread,
		form: numbers(MaxAncestors, func(a *Actor, i int) *uint32 { return &a.Ancestors[i].PID })},
	row[Actor]{name: "process.parent.entity_id", doc: "key of the parent",
		form: entity[Actor]("process.parent.pid", "daemoneye.parent_start_ticks")},
	row[Actor]{name: "process.parent.name", doc: "name of the parent", unread: ParentUnread,
		form: text(MaxName, func(a *Actor) *string { return &a.ParentName })},
	row[Actor]{name: "process.ancestors.name", doc: "names of the ancestors, the parent first", unread: ParentUnread, partial: AncestorsUnread,
		form: texts(MaxAncestors, MaxName, func(a *Actor, i int) *string { return &a.Ancestors[i].Name })},
	row[Actor]{name: "process.parent.executable", sigma: "ParentImage", doc: "path of the parent's program", unread: ParentUnread,
		form: text(MaxPath, func(a *Actor) *string { return &a.ParentExecutable })},
	row[Actor]{name: "process.ancestors.executable", doc: "programs of the ancestors, the parent first", unread: ParentUnread, partial: AncestorsUnread,
		form: texts(MaxAncestors, MaxAncestorPath, func(a *Actor, i int) *string { return &a.Ancestors[i].Executable })},
	row[Actor]{name: "process.parent.command_line", sigma: "ParentCommandLine", doc: "command line of the parent", unread: ParentUnread,
		form: joined(MaxCommandLine, func(a *Actor) *string { return &a.ParentCommandLine })},
	row[Actor]{name: "daemoneye.parent_start_ticks", doc: "start of the parent, clock ticks since boot",
		form: number(KindNumber, func(a *Actor) *uint64 { return &a.ParentStartTicks })},

	row[Actor]{name: "process.name", doc: "name of the process, as the kernel keeps it", unread: NameUnread,
		form: text(MaxName, func(a *Actor) *string { return &a.Name })},
	row[Actor]{name: "process.executable", sigma: "Image", doc: "path of the program", unread: ExecutableUnread,
		form: text(MaxPath, func(a *Actor) *string { return &a.Executable })},
	row[Actor]{name: "process.command_line", sigma: "CommandLine", doc: "arguments, a space between two", unread: CommandLineUnread, partial: CommandLineTruncated,
		form: line[Actor]()},
	row[Actor]{name: "process.args", doc: "arguments, one by one", unread: CommandLineUnread, partial: CommandLineTruncated,
		form: list(MaxCommandLine, CommandLineTruncated, func(a *Actor) *string { return &a.CommandLine })},
	row[Actor]{name: "process.working_directory", sigma: "CurrentDirectory", doc: "working directory", unread: DirectoryUnread,
		form: text(MaxPath, func(a *Actor) *string { return &a.Directory })},
	row[Actor]{name: "process.start", doc: "when the process started",
		form: number(KindTime, func(a *Actor) *int64 { return &a.StartNs })},

	row[Actor]{name: "user.id", doc: "number of the effective user", unread: UserUnread,
		form: maybe(KindID, 4, func(a *Actor) *Number { return &a.UID })},
	row[Actor]{name: "user.name", sigma: "User", doc: "name of the effective user", unread: UserUnread | UserNameUnread,
		form: text(MaxName, func(a *Actor) *string { return &a.User })},
	row[Actor]{name: "user.audit.id", sigma: "LogonId auid", doc: "number of the user who logged in", unread: LoginUnread,
		form: maybe(KindID, 4, func(a *Actor) *Number { return &a.LoginUID })},
	row[Actor]{name: "user.audit.name", doc: "name of the user who logged in", unread: LoginUnread | LoginNameUnread,
		form: text(MaxName, func(a *Actor) *string { return &a.LoginUser })},
	row[Actor]{name: "group.id", doc: "number of the effective group", unread: UserUnread,
		form: maybe(KindID, 4, func(a *Actor) *Number { return &a.GID })},

	row[Actor]{name: "container.id", doc: "id of the container", unread: CgroupUnread,
		form: text(MaxID, func(a *Actor) *string { return &a.Container })},
	row[Actor]{name: "systemd.unit", doc: "unit of systemd that it runs in", unread: CgroupUnread,
		form: text(MaxUnit, func(a *Actor) *string { return &a.Unit })},
)

// ActorBlock is an actor in its binary form: a collector that knows a process
// builds many events from one. The zero ActorBlock has no field.
//
// Immutable but for Set, and so safe for concurrent use as long as nobody calls that.
type ActorBlock struct{ encoded }

// Encode returns the binary form of a.
func (a *Actor) Encode() ActorBlock {
	b, cut := actor.append(nil, a, 0, forced{})
	return ActorBlock{encoded{b, cut}}
}

// Set makes b the binary form of a, in the memory that b has.
func (b *ActorBlock) Set(a *Actor) { b.b, b.cut = actor.append(b.b[:0], a, 0, forced{}) }
