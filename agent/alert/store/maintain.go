package store

import (
	"context"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// slowly is how often what is not urgent is looked after.
const slowly = 10 * time.Second

// maxRepeats bounds the counts that are written at once.
const maxRepeats = 500

// agentName stands for the agent itself among those who did something.
const agentName = "agent"

// maintain queues what is due: counts, cursors, silences that have ended. Now and then it also
// removes what is too old. last is the last time before the end.
func (s *Store) maintain(last bool) {
	now := s.o.Now()
	slow := time.Since(s.writer.maintained) >= slowly || last
	s.mu.Lock()
	room := s.memory.used < s.memory.max/2 || last
	due := s.folds.due(now, last)
	if s.writer.back != nil { // the disk has the rows of all others
		due = slices.DeleteFunc(due, func(f *fold) bool { _, ok := s.newer.rows[f.brief.ID]; return !ok })
	}
	if len(due) > maxRepeats && !last {
		due = due[:maxRepeats]
	}
	if room {
		for _, f := range due {
			s.push(s.repeatItem(f))
		}
		if slow {
			s.release(s.folds.over(now))
		}
		if len(s.cursors) > 0 {
			s.push(s.cursorItem())
		}
		if len(s.memory.dropped) > 0 && s.trouble.err == nil {
			s.push(s.droppedItem(now))
		}
	}
	s.endSilences(now)
	failing := s.trouble.err != nil
	s.mu.Unlock()
	s.index(true)
	if !slow {
		return
	}
	s.writer.maintained = time.Now()
	if failing {
		return
	}
	s.retain()
	s.lookForBroken()
}

// endSilences ends the silences whose time is over, for good: also a clock that is set back
// does not bring them back. With mu.
func (s *Store) endSilences(now time.Time) {
	for _, x := range s.state.Ended(now) {
		e := &ledger.Entry{Kind: ledger.KindUnsilence, Time: now.UTC(), ID: x.ID, By: agentName, Text: "its time is over"}
		s.state.Apply(e)
		s.push(&item{entry: func() (*ledger.Entry, error) { return e, nil }})
	}
}

// droppedItem returns the item that writes how many alerts found no room. With mu.
func (s *Store) droppedItem(now time.Time) *item {
	e := &ledger.Entry{Kind: ledger.KindDropped, Time: now.UTC(), Dropped: s.memory.dropped}
	s.memory.dropped = map[string]uint64{}
	return &item{entry: func() (*ledger.Entry, error) { return e, nil }}
}

// retain removes the segments that are too many or too old, and what the index has of them.
func (s *Store) retain() {
	s.mu.Lock()
	d, limits := s.disk, s.limits
	s.mu.Unlock()
	if d == nil {
		return
	}
	var before time.Time
	if now := s.o.Now(); s.writer.clock.trusted(now, time.Now()) {
		before = now.Add(-limits.MaxAge)
	}
	x := s.indexOf(d)
	s.touch(context.Background(), func() func() {
		removed, err := d.journal.Trim(limits.MaxBytes, before)
		first := d.journal.Stats().First
		var pruned error
		if len(removed) > 0 && x != nil {
			pruned = prune(x, first)
		}
		return func() {
			if err != nil {
				s.o.Log.Warn("alert store: old segments not removed", "err", err)
			}
			s.trimmed(first)
			if pruned != nil {
				s.dropIndex(pruned)
			}
		}
	})
}

// trimmed forgets what was raised before line first.
func (s *Store) trimmed(first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, row := range s.newer.rows {
		if row.Seq < first {
			delete(s.newer.rows, id)
		}
	}
}

// lookForBroken takes over which damaged files are still kept.
func (s *Store) lookForBroken() {
	s.mu.Lock()
	d := s.disk
	s.mu.Unlock()
	if d == nil {
		return
	}
	s.touch(context.Background(), func() func() {
		broken, err := d.journal.ReadBroken()
		return func() {
			if err != nil {
				return // the next write finds out
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.trouble.broken = broken; len(broken) == 0 && len(s.trouble.mended) > 0 {
				s.trouble.lost = 0 // an operator has looked at them
			}
		}
	})
}

// indexSoon is how many changes the index gets at once, and indexLate how many are kept for
// one that cannot be written.
const (
	indexSoon = 500
	indexLate = 50_000
)

// index brings the index up to the journal where enough has changed, or with all in any
// case. While lines wait in memory it stays as it is, because it must not be ahead of the
// journal.
func (s *Store) index(all bool) {
	s.mu.Lock()
	d, n := s.disk, s.newer.size()
	if s.trouble.index != nil && n > indexLate {
		s.newer = newCatalog() // queries read the journal
	}
	if d == nil || s.writer.back != nil || s.trouble.index != nil || len(s.lines) > 0 || n == 0 || n < indexSoon && !all {
		s.mu.Unlock()
		return
	}
	applied, x := s.shown, d.index
	ops, err := s.newer.ops()
	s.mu.Unlock()
	if err != nil {
		s.indexed(n, err)
		return
	}
	s.touch(context.Background(), func() func() {
		err := x.Update(applied, ops)
		return func() { s.indexed(n, err) }
	})
}

// indexed takes over what became of an update of the index with n changes.
func (s *Store) indexed(n int, err error) {
	if err == nil {
		s.mu.Lock()
		s.newer = s.catalogOfLinesLocked() // what was shown since then
		s.mu.Unlock()
		return
	}
	if n < indexLate && !damaged(err) {
		s.o.Log.Debug("alert store: index not written", "err", err)
		return
	}
	s.dropIndex(err)
}

// indexOf returns the index of d, nil where none is in use.
func (s *Store) indexOf(d *disk) *index.Index {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble.index != nil {
		return nil
	}
	return d.index
}

// steady parts a clock that goes with the time from one that was set. What is kept by age
// must not go because of a clock that jumped. One goroutine at a time.
type steady struct {
	wall, real time.Time
	since      time.Time // on the clock that does not jump
}

const (
	// jump is how far the clock may be off between two looks.
	jump = time.Hour
	// settle is for how long a clock that jumped is not believed.
	settle = 24 * time.Hour
)

// trusted reports whether the clock, which shows now, can be believed.
// real is the clock that does not jump.
func (c *steady) trusted(now, real time.Time) bool {
	if !c.real.IsZero() {
		off := now.Round(0).Sub(c.wall) - real.Sub(c.real)
		if off > jump || off < -jump {
			c.since = real
		}
	}
	c.wall, c.real = now.Round(0), real
	return c.since.IsZero() || real.Sub(c.since) >= settle
}
