package performance

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/daemoneye/eventbus/agent/event"
)

// sample is a reading and what has changed since the one before: what events are made of.
type sample struct {
	host        event.Usage
	disks       []event.Usage
	interfaces  []event.Usage
	filesystems []filesystem
	processes   []running
}

// running is one process of those that take most.
type running struct {
	pid   uint32
	usage event.Usage
}

// compare makes a sample of a reading. before is the one before it, nil for none; top is
// how many processes are wanted of those that take most processor time, and of those that
// take most memory.
func compare(before, now *reading, top int) *sample {
	s := &sample{filesystems: now.filesystems}
	s.host = event.Usage{
		Load1: now.load[0], Load5: now.load[1], Load15: now.load[2],
		MemoryTotal: now.memory.total, MemoryUsed: now.memory.used, MemoryUsage: now.memory.usage(),
		SwapTotal: now.swap.total, SwapUsed: now.swap.used, SwapUsage: now.swap.usage(),
		PressureCPU: now.pressure.cpu, PressureIO: now.pressure.io, PressureMemory: now.pressure.memory,
		FullIO: now.pressure.fullIO, FullMemory: now.pressure.fullMemory,
	}
	if before == nil {
		before = &reading{monoNs: now.monoNs}
	}
	elapsed := since(now.monoNs, before.monoNs)
	s.host.SampleNs = elapsed
	s.host.CPU = share(growth(before.cpuBusy, now.cpuBusy), growth(before.cpuAll, now.cpuAll))
	s.compareDisks(before, now, elapsed)
	s.compareInterfaces(before, now, elapsed)
	s.compareProcesses(before, now, elapsed, top)
	return s
}

// since returns the time between two readings, unknown for the first one.
func since(now, before int64) event.Number {
	if now <= before {
		return 0
	}
	return event.Known(uint64(now - before))
}

// growth returns by how much a counter has grown, unknown where it went backwards.
func growth(before, now event.Number) event.Number {
	a, ok := before.Get()
	b, known := now.Get()
	if !ok || !known || b < a {
		return 0
	}
	return event.Known(b - a)
}

func ratioOf(part, whole event.Number) event.Number {
	p, ok := part.Get()
	w, known := whole.Get()
	if !ok || !known || w == 0 {
		return 0
	}
	return event.Known(millionths(float64(p), float64(w)))
}

// share is ratioOf for a part that is no more than the whole. The kernel's figures may claim
// that it is: it counts in ticks, and takes back time that it counted as waiting.
func share(part, whole event.Number) event.Number { return min(ratioOf(part, whole), event.Known(1e6)) }

// sum adds what is known, and is unknown where nothing is.
func sum(total *event.Number, n event.Number) {
	if v, ok := n.Get(); ok {
		t, _ := total.Get()
		if *total == 0 {
			t = 0
		}
		*total = event.Known(t + v)
	}
}

func (s *sample) compareDisks(before, now *reading, elapsed event.Number) {
	for _, name := range slices.Sorted(maps.Keys(now.disks)) {
		d := now.disks[name]
		u := event.Usage{Disk: name, SampleNs: elapsed}
		if old, ok := before.disks[name]; ok {
			u.DiskRead = growth(event.Known(old.readBytes), event.Known(d.readBytes))
			u.DiskWritten = growth(event.Known(old.writtenBytes), event.Known(d.writtenBytes))
			u.DiskBusy = share(growth(event.Known(old.busyMs*1e6), event.Known(d.busyMs*1e6)), elapsed)
		}
		if d.whole {
			sum(&s.host.DiskRead, u.DiskRead)
			sum(&s.host.DiskWritten, u.DiskWritten)
		}
		s.disks = append(s.disks, u)
	}
}

func (s *sample) compareInterfaces(before, now *reading, elapsed event.Number) {
	for _, name := range slices.Sorted(maps.Keys(now.interfaces)) {
		n := now.interfaces[name]
		u := event.Usage{Interface: name, SampleNs: elapsed}
		if old, ok := before.interfaces[name]; ok {
			grown := func(a, b uint64) event.Number { return growth(event.Known(a), event.Known(b)) }
			u.Received, u.Sent = grown(old.receivedBytes, n.receivedBytes), grown(old.sentBytes, n.sentBytes)
			u.ReceiveErrors, u.SendErrors = grown(old.receiveErrors, n.receiveErrors), grown(old.sendErrors, n.sendErrors)
			u.ReceiveDropped, u.SendDropped = grown(old.receiveDropped, n.receiveDropped), grown(old.sendDropped, n.sendDropped)
		}
		if n.outward {
			sum(&s.host.Received, u.Received)
			sum(&s.host.Sent, u.Sent)
		}
		s.interfaces = append(s.interfaces, u)
	}
}

// compareProcesses picks the processes that take most processor time, and those that take
// most memory. One that began after the reading before has taken all of its time since.
func (s *sample) compareProcesses(before, now *reading, elapsed event.Number, top int) {
	if before.processes == nil || top == 0 {
		return
	}
	all := make([]running, 0, len(now.processes))
	for pid, p := range now.processes {
		old := before.processes[pid]
		if old.startTicks != p.startTicks {
			old = process{}
		}
		ns := growth(event.Known(old.cpuTicks*(1e9/userHZ)), event.Known(p.cpuTicks*(1e9/userHZ)))
		all = append(all, running{pid, event.Usage{
			SampleNs: elapsed, ProcessCPU: ratioOf(ns, elapsed), ProcessRSS: event.Known(p.rssBytes), ProcessThreads: event.Known(p.threads),
		}})
	}
	picked := make(map[uint32]bool)
	pick := func(of func(*running) event.Number) {
		sort.Slice(all, func(i, j int) bool {
			a, b := &all[i], &all[j]
			return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.pid, b.pid)) < 0
		})
		for _, r := range all[:min(top, len(all))] {
			if of(&r) > event.Known(0) && !picked[r.pid] {
				picked[r.pid] = true
				s.processes = append(s.processes, r)
			}
		}
	}
	pick(func(r *running) event.Number { return r.usage.ProcessCPU })
	pick(func(r *running) event.Number { return r.usage.ProcessRSS })
}
