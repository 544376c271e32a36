package live

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/event"
)

// note is an event that is kept, and whom it is of.
type note struct {
	mono        int64
	start       uint64 // of the process, in clock ticks
	parentStart uint64
	sequence    uint64
	pid, parent uint32
	off, length uint32
}

// past is the events of one type, in a fixed piece of memory from which the oldest have
// to go. An event lies in one piece; what is left at the end is not used.
//
// One goroutine at a time.
type past struct {
	bytes []byte
	notes []note
	first int // of notes, the oldest
	count int
	end   uint32 // where the next event would lie
}

// eventSize is a small event, so that the notes do not run out before the bytes do:
// events of processes have 700 bytes and more.
const eventSize = 512

func newPast(bytes int) *past {
	p := &past{notes: make([]note, bytes/eventSize+1)}
	var err error
	// It is not of the heap, whose garbage may grow to the size of all that lives on it, and
	// that counts what nothing was written to yet: with 4 MiB an agent that sees 1,000
	// programs a second has 21 to 23 MiB resident, and 27 to 30 where they are of the heap.
	if p.bytes, err = unix.Mmap(-1, 0, max(bytes, 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		p.bytes = make([]byte, bytes) // where the number of mappings is bounded
		return p
	}
	runtime.AddCleanup(p, func(b []byte) { _ = unix.Munmap(b) }, p.bytes)
	return p
}

// add keeps an event. One that is larger than everything is not kept.
func (p *past) add(n note, v event.View) {
	n.length = uint32(len(v))
	if len(v) > len(p.bytes) {
		return
	}
	if int(p.end)+len(v) > len(p.bytes) {
		p.evict(p.end, uint32(len(p.bytes)))
		p.end = 0
	}
	n.off = p.end
	p.evict(n.off, n.off+n.length)
	if p.count == len(p.notes) {
		p.drop()
	}
	copy(p.bytes[n.off:], v)
	p.notes[(p.first+p.count)%len(p.notes)] = n
	p.count++
	p.end = n.off + n.length
}

// evict forgets what lies between two places. The oldest lie next after the newest.
func (p *past) evict(from, to uint32) {
	for p.count > 0 {
		if n := &p.notes[p.first]; n.off >= to || n.off+n.length <= from {
			return
		}
		p.drop()
	}
}

func (p *past) drop() {
	p.first = (p.first + 1) % len(p.notes)
	p.count--
}

// newest returns note i, counted from the newest.
func (p *past) newest(i int) *note {
	return &p.notes[(p.first+p.count-1-i)%len(p.notes)]
}

// view returns the event of a note, valid until the next add and as long as p is reachable.
func (p *past) view(n *note) event.View { return event.View(p.bytes[n.off : n.off+n.length]) }
