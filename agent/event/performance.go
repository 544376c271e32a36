package event

import (
	"github.com/daemoneye/eventbus/agent/event/internal/wire"
)

// Usage is the body of a performance event: what the host takes of the machine, or the
// process, disk, filesystem or interface that the event names. Ratios are in millionths.
// What is not known is no Number, and not 0.
type Usage struct {
	CPU                     Number // ratio of all cores, since the sample before
	Load1, Load5, Load15    Number // in millionths
	MemoryTotal, MemoryUsed Number // bytes
	SwapTotal, SwapUsed     Number
	DiskRead, DiskWritten   Number // bytes since the sample before
	Received, Sent          Number // bytes since the sample before

	// Ratio of the last ten seconds in which something waited.
	PressureCPU, PressureIO, PressureMemory Number

	// Of the process.
	ProcessCPU     Number // ratio of one core
	ProcessRSS     Number // bytes
	ProcessThreads Number
	ProcessFiles   Number // open descriptors

	SampleNs               Number // since the sample before
	MemoryUsage, SwapUsage Number // used, ratio of the total
	// Ratio of the last ten seconds in which nothing went on but waiting.
	FullIO, FullMemory Number

	Disk     string // that the figures of disks are of
	DiskBusy Number // ratio of the time since the sample before

	Mount          string // of the filesystem
	FilesystemSize Number // bytes
	FilesystemUsed Number // bytes
	FilesystemFull Number // used, ratio of what ordinary users can have
	Files          Number // that it has room for
	FilesFree      Number
	FilesUsage     Number // ratio of the room for files that is used

	Interface                   string // that the figures of the network are of
	ReceiveErrors, SendErrors   Number // since the sample before
	ReceiveDropped, SendDropped Number

	// Of an anomaly, and of its end.
	Metric       string // name of the field that was beyond its limit
	Value, Limit Number // of it, ratio
	SinceNs      int64  // when it began, since 1970
}

// Performance is a performance event.
type Performance = Event[Usage]

var usage = newBlock(offBody, TablePerformance, wire.HeadSize,
	row[Usage]{name: "host.cpu.usage", doc: "processor time used, ratio of all cores",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.CPU })},
	row[Usage]{name: "system.load.1", doc: "load, average of a minute",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.Load1 })},
	row[Usage]{name: "system.load.5", doc: "load, average of 5 minutes",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.Load5 })},
	row[Usage]{name: "system.load.15", doc: "load, average of 15 minutes",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.Load15 })},
	row[Usage]{name: "system.memory.total", doc: "memory of the host, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.MemoryTotal })},
	row[Usage]{name: "system.memory.actual.used.bytes", doc: "memory in use, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.MemoryUsed })},
	row[Usage]{name: "system.memory.swap.total", doc: "swap of the host, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.SwapTotal })},
	row[Usage]{name: "system.memory.swap.used.bytes", doc: "swap in use, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.SwapUsed })},
	row[Usage]{name: "host.disk.read.bytes", doc: "bytes read from disks since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.DiskRead })},
	row[Usage]{name: "host.disk.write.bytes", doc: "bytes written to disks since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.DiskWritten })},
	row[Usage]{name: "host.network.ingress.bytes", doc: "bytes received since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.Received })},
	row[Usage]{name: "host.network.egress.bytes", doc: "bytes sent since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.Sent })},
	row[Usage]{name: "system.process.cpu.total.pct", doc: "processor time of the process, ratio of one core",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.ProcessCPU })},
	row[Usage]{name: "system.process.memory.rss.bytes", doc: "resident memory of the process, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.ProcessRSS })},
	row[Usage]{name: "system.process.num_threads", doc: "threads of the process",
		form: maybe(KindNumber, 4, func(u *Usage) *Number { return &u.ProcessThreads })},
	row[Usage]{name: "system.process.fd.open", doc: "open descriptors of the process",
		form: maybe(KindNumber, 4, func(u *Usage) *Number { return &u.ProcessFiles })},
	row[Usage]{name: "linux.pressure.cpu.some.10.pct", doc: "share of time in which some waited for a processor, last 10 s",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.PressureCPU })},
	row[Usage]{name: "linux.pressure.io.some.10.pct", doc: "share of time in which some waited for a disk, last 10 s",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.PressureIO })},
	row[Usage]{name: "linux.pressure.memory.some.10.pct", doc: "share of time in which some waited for memory, last 10 s",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.PressureMemory })},
	row[Usage]{name: "daemoneye.sample.duration", doc: "time since the sample before, ns",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.SampleNs })},
	row[Usage]{name: "system.memory.actual.used.pct", doc: "memory in use, ratio of the total",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.MemoryUsage })},
	row[Usage]{name: "system.memory.swap.used.pct", doc: "swap in use, ratio of the total",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.SwapUsage })},
	row[Usage]{name: "linux.pressure.io.full.10.pct", doc: "share of time in which all waited for a disk, last 10 s",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.FullIO })},
	row[Usage]{name: "linux.pressure.memory.full.10.pct", doc: "share of time in which all waited for memory, last 10 s",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.FullMemory })},
	row[Usage]{name: "system.diskio.name", doc: "disk that the figures of disks are of, all of them without it",
		form: text(MaxID, func(u *Usage) *string { return &u.Disk })},
	row[Usage]{name: "daemoneye.disk.busy", doc: "share of time in which the disk worked, since the sample before",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.DiskBusy })},
	row[Usage]{name: "system.filesystem.mount_point", doc: "where the filesystem is mounted",
		form: text(MaxPath, func(u *Usage) *string { return &u.Mount })},
	row[Usage]{name: "system.filesystem.total", doc: "size of the filesystem, bytes",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.FilesystemSize })},
	row[Usage]{name: "system.filesystem.used.bytes", doc: "bytes in use of the filesystem",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.FilesystemUsed })},
	row[Usage]{name: "system.filesystem.used.pct", doc: "use of the filesystem, ratio of what ordinary users can have",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.FilesystemFull })},
	row[Usage]{name: "system.filesystem.files", doc: "files that the filesystem has room for",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.Files })},
	row[Usage]{name: "system.filesystem.free_files", doc: "files that it has room for beside those that are there",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.FilesFree })},
	row[Usage]{name: "daemoneye.filesystem.files.pct", doc: "files that are there, ratio of those that it has room for",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.FilesUsage })},
	row[Usage]{name: "system.network.name", doc: "interface that the figures of the network are of, all of them without it",
		form: text(MaxName, func(u *Usage) *string { return &u.Interface })},
	row[Usage]{name: "system.network.in.errors", doc: "packets that came broken, since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.ReceiveErrors })},
	row[Usage]{name: "system.network.out.errors", doc: "packets that could not be sent, since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.SendErrors })},
	row[Usage]{name: "system.network.in.dropped", doc: "received packets that were dropped, since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.ReceiveDropped })},
	row[Usage]{name: "system.network.out.dropped", doc: "packets that were dropped instead of being sent, since the sample before",
		form: maybe(KindNumber, 8, func(u *Usage) *Number { return &u.SendDropped })},
	row[Usage]{name: "daemoneye.anomaly.metric", doc: "field that has been beyond its limit",
		form: text(MaxName, func(u *Usage) *string { return &u.Metric })},
	row[Usage]{name: "daemoneye.anomaly.value", doc: "its value",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.Value })},
	row[Usage]{name: "daemoneye.anomaly.limit", doc: "its limit",
		form: maybe(KindRatio, 4, func(u *Usage) *Number { return &u.Limit })},
	row[Usage]{name: "daemoneye.anomaly.since", doc: "when it went beyond",
		form: number(KindTime, func(u *Usage) *int64 { return &u.SinceNs })},
)
