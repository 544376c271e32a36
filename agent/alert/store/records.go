package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// view is what is in the store at one moment: the journal up to a line, and the lines
// behind it that took effect in memory.
type view struct {
	disk    *disk
	last    uint64 // that counts
	lines   []*line
	records uint64
	index   *index.Index // nil where none is in use
	newer   map[alert.ID]ledger.Row
}

// view returns what is in the store now.
func (s *Store) view() (v view, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return v, ErrClosed
	}
	return s.viewLocked(), nil
}

func (s *Store) viewLocked() view {
	v := view{disk: s.disk, last: s.shown, records: s.records, newer: maps.Clone(s.newer.rows)}
	if s.disk != nil && s.trouble.index == nil {
		v.index = s.disk.index
	}
	n := len(s.lines)
	for n > 0 && !s.lines[n-1].shown {
		n--
	}
	v.lines = slices.Clone(s.lines[:n])
	return v
}

// read passes the lines from number from on to f, until f returns false.
func (v *view) read(from uint64, f func(seq uint64, payload []byte) bool) error {
	more, next := true, from
	if v.disk != nil {
		err := v.disk.journal.Read(from, func(seq uint64, payload []byte) bool {
			if seq > v.last {
				return false
			}
			next = seq + 1
			more = f(seq, payload)
			return more
		})
		if err := withoutDamage(err); err != nil {
			return err
		}
	}
	for _, l := range v.lines {
		if l.seq >= next && more {
			more = f(l.seq, l.payload)
		}
	}
	return nil
}

// gone returns the number of the last line that was removed for its age or for want of room.
func (v *view) gone() uint64 {
	if v.disk == nil {
		return 0
	}
	_, last := v.disk.journal.Head()
	return last
}

// Records returns at most limit records with a number above after, the oldest first. missed
// is how many lines between after and the first record there are no more, because of their
// age or for want of room; not all of them were records.
func (s *Store) Records(after uint64, limit int) (all []alert.Record, missed uint64, err error) {
	type answer struct {
		all    []alert.Record
		missed uint64
	}
	a, err := patiently(&s.reads, s.o.Patience, func() (a answer, err error) {
		a.all, a.missed, err = s.recordsAfter(after, limit)
		return a, err
	})
	return a.all, a.missed, err
}

func (s *Store) recordsAfter(after uint64, limit int) (all []alert.Record, missed uint64, err error) {
	v, err := s.view()
	if err != nil {
		return nil, 0, err
	}
	gone := v.gone()
	if gone > after { // numbers that were never given are not missed
		missed = gone - after
	}
	if limit <= 0 {
		return nil, missed, nil
	}
	next := max(after, gone) + 1
	err = v.read(after+1, func(seq uint64, payload []byte) bool {
		if gone := v.gone(); seq > next && gone >= next { // they went while this reads
			if len(all) > 0 {
				return false // who asks for what is behind these learns it
			}
			missed = gone - after
		}
		next = seq + 1
		e, err := ledger.Decode(payload)
		if err != nil || !e.IsRecord() {
			return true // of a later version
		}
		all = append(all, e.Record(seq))
		return len(all) < limit
	})
	if err == nil && len(all) == 0 {
		s.noRecords(after, v.records)
	}
	return all, missed, err
}

// noRecords notes that there is no record above after, where records are still the same.
func (s *Store) noRecords(after, records uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records == records && records > after {
		s.records = after
	}
}

// Last returns the number of the last record, or a larger one, which is not of a record, after
// the start until Records has looked; 0 for none.
func (s *Store) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

// Wait returns when there is a record above after, or with the error of ctx. There may be
// none all the same, when it is gone before it is read.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		s.mu.Lock()
		closed, records, changed := s.closed, s.records, s.changed
		s.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case records > after:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrUnread is returned while the data directory could not be read since Open: what was
// raised and sent before is not known yet.
var ErrUnread = errors.New("the journal of alerts could not be read yet")

// Cursor returns what SetCursor last set, 0 for nothing, and ErrUnread before that is known.
func (s *Store) Cursor(output string) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.attached {
		return 0, ErrUnread
	}
	if seq, ok := s.cursors[output]; ok {
		return seq, nil
	}
	return s.state.Cursor(output), nil
}

// SetCursor remembers how far an output has sent records; 0 forgets it. It is on the disk
// within a second, and with Close: after a crash what was sent in that time is sent again.
// With ErrUnread nothing is remembered, because the cursor that is on the disk may be a
// smaller one.
func (s *Store) SetCursor(output string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.attached {
		return ErrUnread
	}
	if s.closed || s.state.Cursor(output) == seq {
		delete(s.cursors, output)
		return nil
	}
	s.cursors[output] = seq
	return nil
}

// cursorItem returns the item that writes the cursors that were set. With mu.
func (s *Store) cursorItem() *item {
	set := s.cursors
	s.cursors = map[string]uint64{}
	// They hold at once, because Cursor is asked before their line has its number.
	e := &ledger.Entry{Kind: ledger.KindCursors, Time: s.o.Now().UTC(), Cursors: set}
	s.state.Apply(e)
	return &item{entry: func() (*ledger.Entry, error) { return e, nil }}
}

// whole reads the alert that line seq has raised.
func (v *view) whole(seq uint64) (a *alert.Alert, err error) {
	err = v.read(seq, func(n uint64, payload []byte) bool {
		if n != seq {
			return false
		}
		var e *ledger.Entry
		if e, err = ledger.Decode(payload); err == nil {
			a = e.Alert
		}
		return false
	})
	return a, err
}
