package filesystem

import (
	"path"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// maxCounted bounds how many processes are counted at a time; the others have no bulk.
const maxCounted = 1024

// bulk finds processes that change many files in a short time: it announces one when it
// has reached the limit, and once more with all that it did when it has stopped.
//
// One goroutine at a time.
type bulk struct {
	limit   uint64 // 0: nothing is counted
	window  int64  // ns
	byKey   map[key]*burst
	publish func(f *event.File, p *actor.Process, at clock.Moment)
}

// key is a process. Where the source does not know who did it, all changes are of one.
type key struct {
	pid   uint32
	ticks uint64
}

// burst is what a process changed without a pause of a window.
type burst struct {
	process                   actor.Process
	began, last               clock.Moment
	changes, renames, deletes uint64
	announced                 uint64 // changes that an event has announced; 0 for none
	top                       string // the directory that has all of them
}

func newBulk(limit int, window time.Duration, publish func(*event.File, *actor.Process, clock.Moment)) *bulk {
	return &bulk{limit: uint64(limit), window: int64(window), byKey: make(map[key]*burst), publish: publish}
}

// count takes one change into account.
func (b *bulk) count(p *actor.Process, op event.Operation, file string, at clock.Moment) {
	if b.limit == 0 {
		return
	}
	k := key{p.PID, p.StartTicks}
	x := b.byKey[k]
	// A window that is not over for a burst below the limit begins anew with what is left:
	// a process that changes a few files all day long has no bulk.
	if x != nil && x.announced == 0 && at.MonoNs-x.began.MonoNs >= b.window {
		delete(b.byKey, k)
		x = nil
	}
	if x == nil {
		if len(b.byKey) >= maxCounted {
			return
		}
		x = &burst{process: *p, began: at, top: path.Dir(file)}
		b.byKey[k] = x
	}
	x.last = at
	x.changes++
	switch op {
	case event.OpRename:
		x.renames++
	case event.OpDelete:
		x.deletes++
	}
	x.top = common(x.top, file)
	if x.announced == 0 && x.changes >= b.limit {
		b.announce(x, at)
	}
}

func (b *bulk) announce(x *burst, at clock.Moment) {
	x.announced = x.changes
	b.publish(&event.File{
		Path: x.top, Type: "dir", Changes: event.Known(x.changes), Renames: event.Known(x.renames), Deletes: event.Known(x.deletes),
		SinceNs: x.began.WallNs,
	}, &x.process, at)
}

// settle forgets the processes that have paused for a window, and announces what the bulk
// was altogether. It reports whether one is left.
func (b *bulk) settle(at clock.Moment) bool {
	for k, x := range b.byKey {
		if at.MonoNs-x.last.MonoNs < b.window {
			continue
		}
		delete(b.byKey, k)
		if x.announced != 0 && x.changes > x.announced {
			b.announce(x, at)
		}
	}
	return len(b.byKey) > 0
}

// common returns the longest part of dir that has the file below it.
func common(dir, file string) string {
	for dir != "/" && !isBelow(file, dir) {
		dir = path.Dir(dir)
	}
	return dir
}
