package actor

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

const (
	// maxFound bounds what a Finder remembers; it forgets all of it then, because what is
	// asked for again is read again.
	maxFound = 4096
	// trusted is how long a process counts as the one of its pid after we saw it last,
	// when it has ended. Within that time the pids of no host go round.
	trusted = int64(2 * time.Second)
)

// Finder finds out from /proc who a process is that did something just now. It remembers
// whom it found, so that a process which acts often, or acts and ends, is known the next
// time without being read.
//
// One goroutine at a time.
type Finder struct {
	// Feed knows processes that have ended before they could be read; nil knows none.
	Feed *Feed

	reader *proc.Reader
	found  map[uint32]*found
}

// found is a process as it was read.
type found struct {
	Process
	stack  uint64 // see proc.Stat.Stack; 0 when not known
	seen   int64  // monotonic ns when it was last there
	levels int    // above it that were looked at
}

// NewFinder makes a finder that reads with r.
func NewFinder(r *proc.Reader) *Finder { return &Finder{reader: r, found: make(map[uint32]*found)} }

// Find returns the process that has or had the pid a moment ago, and those above it. What
// has ended before it could ever be read is unread, as its flags show. The process is
// valid until the next call, and nil for pid 0.
func (f *Finder) Find(pid uint32) *Process {
	if pid == 0 {
		return nil
	}
	if len(f.found) >= maxFound {
		clear(f.found)
	}
	return f.find(pid, 1+event.MaxAncestors)
}

// find looks at a process, and at as many levels above it.
func (f *Finder) find(pid uint32, above int) *Process {
	now := clock.Mono()
	x := f.found[pid]
	if x != nil {
		switch s, ok, err := f.reader.Stat(pid); {
		case err == nil && ok && s.StartTicks == x.StartTicks:
			if x.runsStill(&s) || s.Dead() {
				x.seen = now
				return f.nameAbove(x, above)
			}
		case err == nil && !ok && now-x.seen < trusted:
			return &x.Process // it has ended meanwhile
		}
		delete(f.found, pid)
	}
	return f.nameAbove(f.read(pid), above)
}

// nameAbove names as many levels above a process, if that was not done before.
func (f *Finder) nameAbove(x *found, above int) *Process {
	if x.levels >= above {
		return &x.Process
	}
	x.levels = above
	if x.PPID == 0 {
		return &x.Process
	}
	if parent := f.find(x.PPID, above-1); !parent.Flags.Has(event.NameUnread) {
		x.NameParent(parent)
	} else {
		x.NameParent(nil)
	}
	return &x.Process
}

// runsStill reports whether a process runs the program that was read. An exec puts the
// stack elsewhere; where the kernel keeps that from us, a process may run another one
// under the same name, and so it is read again.
func (x *found) runsStill(s *proc.Stat) bool {
	return !s.Loading && x.Image.Name == string(s.Name) && (x.Flags.Has(event.KernelThread) || x.stack != 0 && x.stack == s.Stack)
}

// read reads a process, and remembers it if it was there.
func (f *Finder) read(pid uint32) *found {
	x := &found{Process: Unknown(pid), seen: clock.Mono()}
	o, ok := f.reader.Process(pid)
	const program = event.ExecutableUnread | event.CommandLineUnread
	if gone := !ok || !o.Alive || o.Unread.Has(program); gone || o.Unread&program != 0 {
		if p, known := f.Feed.Find(pid, o.StartTicks, gone); known {
			x.Process, x.levels = p, 1+event.MaxAncestors
			if ok {
				x.stack = o.Stack
			}
			f.found[pid] = x
			return x
		}
	}
	if !ok {
		return x
	}
	x.Flags &^= event.ParentUnread
	x.Adopt(&o)
	x.stack = o.Stack
	if !o.Alive { // only its entry is left: its program was never seen
		x.Flags |= event.ExecutableUnread | event.CommandLineUnread | event.DirectoryUnread
	}
	f.found[pid] = x
	return x
}
