package connector

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// The connector reports that a process has run a program, and not which. /proc shows which
// program a process runs now, which may be the one after it by the time that we look: a
// wrapper runs for less than a millisecond before the program behind it takes its place.
// So /proc is read at once when the report comes, and the report is held back until it is
// known whether another one of the same process came meanwhile.

const (
	// Lag is by how much the report of an exec may come later than its program is to be
	// seen in /proc. The way from one to the other is a few microseconds long, unless the
	// kernel lets others run in between, or a debugger holds the process there.
	Lag = 5 * time.Millisecond
	lag = int64(Lag)

	// maxHeld bounds how many reports are held back. What is too much goes on with its
	// program unread.
	maxHeld = 1 << 13
)

// Lookahead holds reports back until what was read for them is known to be theirs.
//
// One goroutine at a time.
type Lookahead struct {
	reader *proc.Reader
	held   []*held          // in the order in which they came
	last   map[uint32]*held // the last exec that is held, by pid
}

// held is a report that is held back.
type held struct {
	report.Report
	read         proc.Observation // what /proc showed right after an exec
	ok           bool             // it showed something
	begun, ended int64            // when it was read, monotonic
	next         *held            // the next exec of the process
}

// NewLookahead makes one that reads programs with r.
func NewLookahead(r *proc.Reader) *Lookahead {
	return &Lookahead{reader: r, last: make(map[uint32]*held)}
}

// Add takes a report, and reads which program it is about.
func (l *Lookahead) Add(r *report.Report) {
	h := &held{Report: *r}
	l.held = append(l.held, h)
	if r.Kind != report.Exec {
		return
	}
	h.begun = clock.Mono()
	h.read, h.ok = l.reader.Process(r.PID)
	h.ended = clock.Mono()
	if before := l.last[r.PID]; before != nil {
		before.next = h
	}
	l.last[r.PID] = h
}

// Len returns how many reports are held back.
func (l *Lookahead) Len() int { return len(l.held) }

// Release gives the reports to a function, in their order, that need no later ones to be
// understood. All of up to the time known have been added.
func (l *Lookahead) Release(known int64, apply func(*report.Report)) {
	n := 0
	for ; n < len(l.held); n++ {
		h := l.held[n]
		if h.Kind == report.Exec {
			v := h.judge(known)
			if v == undecided && len(l.held)-n < maxHeld {
				break
			}
			if v == own {
				h.Seen, h.SeenAt = &h.read, h.begun
			}
			if l.last[h.PID] == h {
				delete(l.last, h.PID)
			}
		}
		apply(&h.Report)
	}
	clear(l.held[:n]) // the programs are let go of
	l.held = append(l.held[:0], l.held[n:]...)
}

// Flush gives all reports to a function. The program of an exec about which it is not known
// whether another one followed counts as unread.
func (l *Lookahead) Flush(apply func(*report.Report)) {
	l.Release(0, apply)
	for _, h := range l.held {
		apply(&h.Report)
	}
	clear(l.held)
	clear(l.last)
	l.held = l.held[:0]
}

// verdict is whether what was read for an exec is its own program.
type verdict uint8

const (
	undecided verdict = iota // reports that have not come may show it
	own
	foreign // it is not, or may not be, or nothing was read
)

// judge reports whether what was read is the program of this exec. All reports of up to the
// time known are there.
func (h *held) judge(known int64) verdict {
	switch next := h.next; {
	case !h.ok || h.read.Loading:
		return foreign
	case known < h.ended+lag:
		return undecided
	case next == nil || h.ended+lag < next.TimeNs:
		return own
	case h.read.Stack == 0 || next.read.Stack == 0 || next.read.Stack == h.read.Stack:
		return foreign // one that has ended and waits for its parent has no stack either
	default:
		// It was read when the next exec happened, or about then. Each exec puts the stack
		// elsewhere, and where that lies was read last. The stacks differ: so if what was
		// read next is of the next program, this is of the one before it.
		return next.judge(known)
	}
}
