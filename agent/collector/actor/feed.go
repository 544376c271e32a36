package actor

import (
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// FeedTopics are where the process collector publishes what a Feed takes.
var FeedTopics = []string{"events.process.lifecycle", "events.process.batch"}

const (
	// maxFed bounds the processes that a Feed remembers. The oldest is forgotten first.
	maxFed = 8192
	// feedWait is how long an event may come after what its process did: the collectors
	// are processes of their own, and their events have a way to go.
	feedWait = 100 * time.Millisecond
	// feedMisses is how many waits in a row may be in vain. From then on there is one a
	// second, because the process collector may not run, or leave this program out.
	feedMisses = 3
)

// Feed remembers the processes that the process collector has announced, so that other
// collectors know who did something although the program has ended since.
//
// Safe for concurrent use, but for Find, which is for one goroutine.
type Feed struct {
	mu      sync.Mutex
	fed     map[uint32]*fed // guarded by mu
	order   []order         // guarded by mu: the oldest first, some of them replaced
	next    uint64          // guarded by mu: number of the next process
	awaited uint32          // guarded by mu: pid that Find waits for; 0 for none
	arrived chan struct{}   // holds a token when that has come

	// owned by who calls Find
	misses int
	waited time.Time // when it waited last
}

// fed is a process as it was announced last.
type fed struct {
	Process
	number  uint64
	endedAt int64 // monotonic ns; 0 while it lives
}

// order is when a process was fed first.
type order struct {
	pid    uint32
	number uint64
}

// NewFeed makes a feed that knows nobody.
func NewFeed() *Feed {
	return &Feed{fed: make(map[uint32]*fed), arrived: make(chan struct{}, 1)}
}

// Take takes an event of the process collector. It keeps nothing of the payload. What is no
// such event changes nothing.
func (f *Feed) Take(payload []byte) {
	v, err := event.Parse(payload)
	if err != nil || v.Table() != event.TableProcess || v.PID() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.Operation() == event.OpExit {
		if x := f.fed[v.PID()]; x != nil && x.isSame(v.StartTicks()) {
			x.endedAt = clock.Mono()
		}
		return
	}
	x := &fed{Process: processOf(v), number: f.next}
	f.next++
	f.fed[x.PID] = x
	f.order = append(f.order, order{x.PID, x.number})
	for len(f.fed) > maxFed || len(f.order) > 2*maxFed {
		if o := f.order[0]; f.fed[o.pid] != nil && f.fed[o.pid].number == o.number {
			delete(f.fed, o.pid)
		}
		f.order = f.order[1:]
	}
	if x.PID == f.awaited {
		f.awaited = 0
		f.arrived <- struct{}{} // never blocks: Find takes it before it waits again
	}
}

// Find returns a copy of what is known of a process, and whether that is anything.
// startTicks tells it from others with the same pid; where they are 0, it is the latest one
// that has the pid or had it a moment ago. gone means that the process has ended, so that
// nothing else can be known: Find then waits a little for an event that is on its way. A nil
// Feed knows nobody.
func (f *Feed) Find(pid uint32, startTicks uint64, gone bool) (p Process, ok bool) {
	if f == nil {
		return p, false
	}
	f.mu.Lock()
	p, ok = f.findLocked(pid, startTicks)
	wait := !ok && gone && (f.misses < feedMisses || time.Since(f.waited) >= time.Second)
	if wait {
		f.awaited = pid
	}
	f.mu.Unlock()
	if !wait {
		return p, ok
	}
	f.waited = time.Now()
	patience := time.NewTimer(feedWait)
	defer patience.Stop()
	select {
	case <-f.arrived:
		f.misses = 0
	case <-patience.C:
		f.misses++
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited = 0
	select {
	case <-f.arrived: // it came with the end of the wait
	default:
	}
	return f.findLocked(pid, startTicks)
}

func (f *Feed) findLocked(pid uint32, startTicks uint64) (p Process, ok bool) {
	x := f.fed[pid]
	if x == nil || startTicks != 0 && !x.isSame(startTicks) || x.endedAt != 0 && clock.Mono()-x.endedAt > trusted {
		return p, false
	}
	return x.Process, true
}

// isSame reports whether a process that started then is this one. A start that was
// estimated may be some ticks off.
func (x *fed) isSame(startTicks uint64) bool {
	tolerance := uint64(0)
	if x.Flags.Has(event.StartTimeEstimated) {
		tolerance = 100
	}
	return startTicks+tolerance >= x.StartTicks && x.StartTicks+tolerance >= startTicks
}

// processOf returns the process that an event is of.
func processOf(v event.View) Process {
	e, _ := event.Copy[event.Detail](v)
	p := Process{
		PID: e.PID, PPID: e.PPID, StartTicks: e.StartTicks, Login: proc.Nobody, Flags: e.Flags & (readFlags | event.ParentUnread | event.AncestorsUnread),
		Image:  proc.Image{Name: e.Name, Executable: e.Executable, CommandLine: e.CommandLine, Directory: e.Directory},
		Cgroup: proc.Cgroup{Container: e.Container, Unit: e.Unit},
	}
	if uid, ok := e.UID.Get(); ok {
		p.UID = uint32(uid)
	}
	gid, ok := e.GID.Get()
	p.GID, p.NoGroup = uint32(gid), !ok
	if login, ok := e.LoginUID.Get(); ok {
		p.Login = uint32(login)
	}
	p.started = started{e.StartTicks, e.StartNs}
	if e.PPID != 0 && !e.Flags.Has(event.ParentUnread) {
		p.Above[0] = &Ancestor{
			PID: e.PPID, StartTicks: e.ParentStartTicks, Name: e.ParentName, Executable: e.ParentExecutable, CommandLine: e.ParentCommandLine,
		}
	}
	for i, a := range e.Ancestors {
		if a.PID != 0 {
			p.Above[1+i] = &Ancestor{PID: a.PID, Name: a.Name, Executable: a.Executable}
		}
	}
	return p
}
