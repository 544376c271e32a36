package performance

import (
	"github.com/daemoneye/eventbus/agent/event"
)

// reading is what the host shows at one moment. Counters go up from the boot; what is not
// known is no Number, or not in the map.
type reading struct {
	monoNs int64

	cpuBusy, cpuAll event.Number // clock ticks of all processors together
	load            [3]event.Number
	memory, swap    space
	pressure        pressure

	disks       map[string]disk
	interfaces  map[string]iface
	filesystems []filesystem
	processes   map[uint32]process
}

// space is something that is used up.
type space struct{ total, used event.Number }

// usage returns how much of it is used, in millionths.
func (s space) usage() event.Number {
	total, ok := s.total.Get()
	used, known := s.used.Get()
	if !ok || !known || total == 0 {
		return 0
	}
	return event.Known(millionths(float64(used), float64(total)))
}

// pressure is the share of the last ten seconds in which some, or all, waited.
type pressure struct{ cpu, io, memory, fullIO, fullMemory event.Number }

// disk has the counters of one disk.
type disk struct {
	readBytes, writtenBytes uint64
	busyMs                  uint64
	whole                   bool // it is a disk of its own, and no part of another one
}

// iface has the counters of one network interface.
type iface struct {
	receivedBytes, sentBytes    uint64
	receiveErrors, sendErrors   uint64
	receiveDropped, sendDropped uint64
	outward                     bool // what goes through it leaves the host
}

// filesystem is one with a block device.
type filesystem struct {
	mount            string
	bytes            space
	available        event.Number // bytes that ordinary users can have
	files, filesFree event.Number
}

// full returns how much of what ordinary users can have is used, in millionths.
func (f *filesystem) full() event.Number {
	used, ok := f.bytes.used.Get()
	available, known := f.available.Get()
	if !ok || !known || used+available == 0 {
		return 0
	}
	return event.Known(millionths(float64(used), float64(used+available)))
}

// filesUsed returns how much of the room for files is used, in millionths.
func (f *filesystem) filesUsed() event.Number {
	all, ok := f.files.Get()
	free, known := f.filesFree.Get()
	if !ok || !known || all == 0 || free > all { // some make files as they need them
		return 0
	}
	return event.Known(millionths(float64(all-free), float64(all)))
}

// process is what a process has taken.
type process struct {
	startTicks uint64
	cpuTicks   uint64
	rssBytes   uint64
	threads    uint64
}

// maxRatio is the largest that an event has room for, in millionths.
const maxRatio = 1<<32 - 1

// millionths returns a part of a whole.
func millionths(part, whole float64) uint64 {
	n := part / whole * 1e6
	switch {
	case !(n > 0): // not a number either
		return 0
	case n > maxRatio:
		return maxRatio
	}
	return uint64(n + 0.5)
}
