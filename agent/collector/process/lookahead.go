package process

import (
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
)

// The connector reports that a process has run a program, and not which. /proc says which
// program a process runs now, which may be the one after it by the time that we look: a
// wrapper runs for less than a millisecond before the program behind it takes its place.
// So /proc is read at once when the report comes, and the report is held back until it is
// known whether another one of the same process came meanwhile.

const (
	// lag is by how much the report of an exec may come later than its program is to be
	// seen in /proc. The way from one to the other is a few microseconds long, unless the
	// kernel lets others run in between, or a debugger holds the process there.
	lag = int64(5e6)
	// maxHeld bounds how many reports are held back. What is too much goes on with its
	// program unread.
	maxHeld = 1 << 13
)

// lookahead holds reports back until what was read for them is known to be theirs.
//
// One goroutine at a time.
type lookahead struct {
	reader *proc.Reader
	held   []*held          // in the order in which they came
	last   map[uint32]*held // the last exec that is held, by pid
}

// held is a report that is held back.
type held struct {
	report
	read         proc.Observation // what /proc said right after an exec
	ok           bool             // it said something
	begun, ended int64            // when it was read, monotonic
	next         *held            // the next exec of the process
}

func newLookahead(r *proc.Reader) *lookahead {
	return &lookahead{reader: r, last: make(map[uint32]*held)}
}

// add takes a report, and reads which program it is about.
func (l *lookahead) add(r *report) {
	h := &held{report: *r}
	l.held = append(l.held, h)
	if r.what != whatExec {
		return
	}
	h.begun = clock.Mono()
	h.read, h.ok = l.reader.Process(r.pid)
	h.ended = clock.Mono()
	if before := l.last[r.pid]; before != nil {
		before.next = h
	}
	l.last[r.pid] = h
}

// release gives the reports to a function, in their order, that need no later ones to be
// understood. All of up to the time known have been added.
func (l *lookahead) release(known int64, apply func(*report)) {
	n := 0
	for ; n < len(l.held); n++ {
		h := l.held[n]
		if h.what == whatExec {
			v := h.judge(known)
			if v == undecided && len(l.held)-n < maxHeld {
				break
			}
			if v == own {
				h.seen, h.seenAt = &h.read, h.begun
			}
			if l.last[h.pid] == h {
				delete(l.last, h.pid)
			}
		}
		apply(&h.report)
	}
	clear(l.held[:n]) // the programs are let go of
	l.held = append(l.held[:0], l.held[n:]...)
}

// flush gives all reports to a function. The program of an exec about which it is not known
// whether another one followed counts as unread.
func (l *lookahead) flush(apply func(*report)) {
	l.release(0, apply)
	for _, h := range l.held {
		apply(&h.report)
	}
	clear(l.held)
	clear(l.last)
	l.held = l.held[:0]
}

// verdict is whether what was read for an exec is its own program.
type verdict uint8

const (
	undecided verdict = iota // reports that have not come may say
	own
	foreign // it is not, or may not be, or nothing was read
)

// judge says whether what was read is the program of this exec. All reports of up to the
// time known are there.
func (h *held) judge(known int64) verdict {
	switch next := h.next; {
	case !h.ok || h.read.Loading:
		return foreign
	case known < h.ended+lag:
		return undecided
	case next == nil || h.ended+lag < next.timeNs:
		return own
	case h.read.Stack == 0 || next.read.Stack == h.read.Stack:
		return foreign
	default:
		// It was read when the next exec happened, or about then. Each exec puts the stack
		// elsewhere, and where that lies was read last. The stacks differ: so if what was
		// read next is of the next program, this is of the one before it.
		return next.judge(known)
	}
}
