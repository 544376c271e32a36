package filesystem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// tracker makes events of changes.
//
// One goroutine at a time.
type tracker struct {
	trees   *trees
	source  source
	index   index
	emitter *emitter
	bulk    *bulk
	clock   clock.Clock
	look    looks
	// waiting are files whose content has changed again within quiet of the last event.
	waiting map[string]change
	// again are new directories that a source which is not complete is looked at once more
	// for: a file that is made just when the watch is added may have no records of its own.
	again   map[string]uint32 // by path, who made it
	crowded bool              // a directory could not be watched, and a gap has reported it
	door    adjust.Door[*tracker]
}

// quiet is how long a file that is written again and again has no further event.
const quiet = int64(time.Second)

// maxWaiting bounds how many files wait; beyond it they have their event at once.
const maxWaiting = 4096

// fill notes the files that there are and were not known. They have no events: they are the
// start. It stops early when ctx ends, because there may be very many.
func (t *tracker) fill(ctx context.Context) {
	look := func(path string) (s sight, exists bool) {
		if ctx.Err() != nil {
			return s, false
		}
		return t.look(path)
	}
	walk(t.trees, look, "/", func(path string, s *sight) {
		if _, known := t.index.files[path]; !known {
			t.index.set(path, s.whole())
		}
	})
}

// apply takes one change into account.
func (t *tracker) apply(c *change) {
	in, was := t.trees.judge(c.path), outside
	if c.previous != "" {
		was = t.trees.judge(c.previous)
	}
	if in < programs && was < programs {
		if c.directory && in == leading && t.unseen(was < in) {
			t.addWatch(c.path)
			t.lookInto(c)
		}
		return
	}
	now, exists := t.look(c.path)
	if c.previous != "" {
		t.index.remove(c.path) // what was there is replaced
		t.index.rename(c.previous, c.path)
		t.renameWaiting(c)
	}
	before, known := t.index.files[c.path]
	operations, waits := t.news(c, exists, &now, known, &before)
	t.remember(c, in, exists, &now, &before, operations, waits)
	arrived := c.previous != "" && was < in
	comes := c.directory && exists && (c.operations.Has(event.OpCreate) || arrived) && t.unseen(arrived)
	if comes {
		t.addWatch(c.path) // before its event: who gets that may make files in it at once
	}
	left := c.previous != "" && t.mine(was, exists, &now.stamp) // it may have, before we saw it
	if operations != 0 && (known || left || t.mine(in, exists, &now.stamp)) {
		t.announce(c, operations, exists, &now.stamp, t.clock.Now())
	}
	if comes {
		t.lookInto(c)
	}
}

// renameWaiting gives what waits the name that it has after a change.
func (t *tracker) renameWaiting(c *change) {
	delete(t.waiting, c.path)
	for path, w := range t.waiting {
		rest, ok := strings.CutPrefix(path, c.previous)
		if ok && (rest == "" || c.directory && rest[0] == '/') {
			delete(t.waiting, path)
			w.path = c.path + rest
			t.waiting[w.path] = w
		}
	}
}

// remember notes what of a file has been announced with the operations, or by looking.
// What is new beside that stays as it was known, because the record of it is to come. waits
// means that a new content is announced later.
func (t *tracker) remember(c *change, in verdict, exists bool, now *sight, before *stamp, operations event.FileOperations, waits bool) {
	if !exists && in >= programs && c.previous == "" && !c.operations.Has(event.OpDelete) {
		if _, known := t.index.files[c.path]; known && c.operations.Has(event.OpCreate) {
			before.found = false // a further one is of another file
			t.index.set(c.path, *before)
		}
		return // the record of its end, or of its new name, is to come
	}
	if !exists || !t.mine(in, exists, &now.stamp) {
		if c.left || c.directory && c.previous != "" {
			t.index.removeAll(c.path)
		} else {
			t.index.remove(c.path)
		}
		delete(t.waiting, c.path)
		return
	}
	created, same := operations.Has(event.OpCreate), before.inode == now.inode
	s := now.stamp
	s.modifiedAt = before.modifiedAt
	s.found = c.found || before.found && !c.operations.Has(event.OpCreate)
	s.fresh = (created && !c.found || before.fresh) && !operations.Has(event.OpModify)
	switch {
	case operations.Has(event.OpModify):
		s.modifiedAt = clock.Mono()
		s.contentNs = now.sure()
	case created && c.found:
		s.contentNs = now.sure()
	case same && (waits || !created && !(operations.Has(event.OpAttributes) && before.size == now.size)):
		s.size, s.changedNs, s.contentNs = before.size, before.changedNs, before.contentNs
	}
	switch {
	case operations.Has(event.OpAttributes), created && c.found:
		s.statusNs = now.sure()
	case same && !created:
		s.mode, s.uid, s.gid, s.statusNs = before.mode, before.uid, before.gid, before.statusNs
	}
	t.index.set(c.path, s)
}

// mine reports whether a file counts where it is.
func (t *tracker) mine(v verdict, exists bool, s *stamp) bool {
	return v == inside || v == programs && exists && s.program()
}

// news returns what of the operations of a change was not announced before. waits means
// that there is a new content as well, which is announced later.
//
// A record is left out only where its effect has certainly been announced: it is an
// operation of its own otherwise, although the file looks as it did.
func (t *tracker) news(c *change, exists bool, now *sight, known bool, before *stamp) (s event.FileOperations, waits bool) {
	s = c.operations
	same := known && exists && before.inode == now.inode
	if s.Has(event.OpCreate) && known && before.found && (same || !exists) {
		s &^= event.OperationSet(event.OpCreate) // we had looked before the record came
	}
	if s.Has(event.OpAttributes) && same && before.statusNs == now.ctimeNs && before.sameOwner(&now.stamp) {
		s &^= event.OperationSet(event.OpAttributes)
	}
	// What was written through memory shows only when it is closed.
	if c.closed && known && exists && !before.fresh && !before.sameContent(&now.stamp) && s&event.OperationSet(event.OpAttributes, event.OpCreate) == 0 {
		s |= event.OperationSet(event.OpModify)
	}
	if !s.Has(event.OpModify) || !known || !exists || before.fresh {
		return s, false
	}
	if same && before.contentNs == now.ctimeNs {
		return s &^ event.OperationSet(event.OpModify), false // it was read after this was written
	}
	if clock.Mono()-before.modifiedAt < quiet && len(t.waiting) < maxWaiting {
		w := *c
		w.pidfd = -1
		t.waiting[c.path] = w
		return s &^ event.OperationSet(event.OpModify), true
	}
	return s, false
}

// announce emits a change.
func (t *tracker) announce(c *change, operations event.FileOperations, exists bool, now *stamp, at clock.Moment) {
	how := event.Flags(0)
	if c.found {
		how = event.Inferred | event.TimeApproximate
	}
	op := mainOperation(operations, exists)
	f := event.File{Path: c.path, Previous: c.previous}
	if exists {
		describe(&f, now)
	} else if c.directory {
		f.Type = "dir"
	}
	if operations != event.OperationSet(op) {
		f.Operations = operations
	}
	if p, ours := t.emitter.who(c, at); !ours && t.emitter.filter.Passes(p) {
		t.emitter.file(op, &f, p, how, at)
		t.bulk.count(p, op, c.path, at)
	}
}

// unseen reports whether the source does not show what is in a directory that has come to
// be. One that has arrived from elsewhere had it before.
func (t *tracker) unseen(arrived bool) bool { return arrived || !t.source.complete() }

// lookInto looks into a directory that has come to be, and is watched.
func (t *tracker) lookInto(c *change) {
	if !t.source.complete() && len(t.again) < maxWaiting {
		t.again[c.path] = c.pid
	}
	walk(t.trees, t.look, c.path, func(path string, s *sight) {
		if path != c.path {
			t.discover(path, s, c.pid)
		}
	})
}

// discover announces a file that is there, if it was not known.
func (t *tracker) discover(path string, s *sight, pid uint32) {
	if _, known := t.index.files[path]; !known {
		t.apply(&change{operations: event.OperationSet(event.OpCreate), path: path, directory: s.directory(), pid: pid, pidfd: -1, found: true})
	}
}

// addWatch has a directory watched, and announces once that there is no room for it.
func (t *tracker) addWatch(dir string) {
	if err := t.source.watch(dir); errors.Is(err, errWatches) {
		t.notAll(err)
	}
}

// settle announces what has waited for long enough, and what the source kept back. It
// reports whether there is something left to wait for.
func (t *tracker) settle() bool {
	t.clock.Adjust()
	at := t.clock.Now()
	more := t.source.settle(t.apply)
	for path, c := range t.waiting {
		before, known := t.index.files[path]
		if known && at.MonoNs-before.modifiedAt < quiet {
			continue
		}
		delete(t.waiting, path)
		c.operations, c.previous, c.closed = event.OperationSet(event.OpModify), "", false
		t.apply(&c)
	}
	again := t.again
	t.again = make(map[string]uint32)
	for dir, pid := range again {
		list(t.trees, t.look, dir, func(path string, s *sight) { t.discover(path, s, pid) })
	}
	return t.bulk.settle(at) || more || len(t.waiting) > 0 || len(t.again) > 0
}

// resync announces a loss, and finds out by looking what it hid.
func (t *tracker) resync(reason string) {
	t.clock.Adjust()
	if t.index.full {
		reason += fmt.Sprintf("; of more than %d files not all are compared", len(t.index.files))
	}
	t.emitter.Gap(event.Loss{Reason: reason}, t.clock.Now())
	if !t.source.complete() {
		t.addWatch("/")
	}
	seen := make(map[string]bool, len(t.index.files))
	walk(t.trees, t.look, "/", func(path string, s *sight) {
		seen[path] = true
		before, known := t.index.files[path]
		c := change{path: path, directory: s.directory(), pidfd: -1, found: true}
		if !known || before.inode != s.inode {
			c.operations = event.OperationSet(event.OpCreate)
		} else {
			if !before.sameContent(&s.stamp) && !s.directory() {
				c.operations |= event.OperationSet(event.OpModify)
			}
			if !before.sameOwner(&s.stamp) {
				c.operations |= event.OperationSet(event.OpAttributes)
			}
		}
		if c.operations != 0 {
			t.apply(&c)
		}
	})
	var gone []string
	for path := range t.index.files {
		if !seen[path] {
			gone = append(gone, path)
		}
	}
	slices.Sort(gone)
	for _, path := range slices.Backward(gone) { // what is below goes first
		s := t.index.files[path]
		t.apply(&change{operations: event.OperationSet(event.OpDelete), path: path, directory: s.directory(), pidfd: -1, found: true})
	}
}
