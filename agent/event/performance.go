package event

// Usage is the body of a performance event: what the host, or the process that
// the event names, takes of the machine. Ratios are in millionths.
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
}

// Performance is a performance event.
type Performance = Event[Usage]

var usage = newBlock(offBody, TablePerformance, blockFixed,
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
)
