package store

import (
	"errors"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// opened is a data directory with what was found in it.
type opened struct {
	disk  *disk
	found found
	rows  []ledger.Row // of the alerts that count repeats
	last  alert.ID
}

// openAll opens the data directory, and reads what a store has to know of it.
func openAll(o *Options) (x opened, err error) {
	if x.disk, x.found, err = openDisk(o); err != nil {
		return x, err
	}
	if x.disk.index != nil {
		if x.rows, err = loadFolds(x.disk.index, o.Now()); err != nil {
			x.found.index = errors.Join(x.found.index, err)
		}
	}
	if x.last, err = lastID(x.disk); err != nil {
		return x, errors.Join(err, x.disk.close())
	}
	return x, nil
}

// attach takes over a data directory that was opened, or that it could not be.
func (s *Store) attach(x opened, err error) (ok bool) {
	if err != nil {
		s.failed(err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk = x.disk
	s.takeOver(x.disk, &x.found, x.rows)
	s.ids.after(x.last)
	s.trouble.found(&x.found, x.disk.journal.Stats(), s.o.Log)
	if s.trouble.index = nil; x.disk.index == nil {
		s.trouble.index = x.found.index
	}
	return true
}

// takeOver has the contents of a data directory take effect. With mu.
func (s *Store) takeOver(d *disk, f *found, rows []ledger.Row) {
	next := max(d.journal.Next(), f.ahead+1)
	for _, seq := range f.state.Cursors() {
		next = max(next, seq+1) // never a number that an output has seen
	}
	if len(s.lines) == 0 && s.next < next || len(s.lines) > 0 && s.lines[0].seq < next {
		// These numbers are taken. What is in memory gets others.
		shift := next - s.next
		if len(s.lines) > 0 {
			shift = next - s.lines[0].seq
		}
		s.renumber(shift)
		s.shown, s.records = s.next-1, s.next-1
		if len(s.lines) == 0 {
			s.records = d.journal.Next() - 1
		}
	}
	if !s.attached { // else all that is there was in force already
		for _, l := range s.lines {
			f.state.Apply(l.entry)
		}
		s.state, s.attached = f.state, true
	}
	s.endSilences(s.o.Now())
	for _, row := range rows {
		if s.folds.byKey[row.Alert.DedupKey] == nil {
			s.folds.add(&fold{key: row.Alert.DedupKey, rule: ruleOf(row.Alert), brief: row.Alert, count: row.Alert.Count, last: row.Alert.Last, raised: true})
		}
	}
}

// renumber adds shift to the numbers of all that is in memory. The lines are copied, because
// somebody may be reading them. With mu.
func (s *Store) renumber(shift uint64) {
	s.newer = newCatalog() // what is in it has the numbers of before
	for i, l := range s.lines {
		moved := *l
		moved.seq += shift
		if first := s.next - uint64(len(s.lines)); l.before.Seq >= first { // it was raised in memory
			moved.before.Seq += shift
		}
		s.lines[i] = &moved
		if moved.shown && moved.entry.Alert != nil {
			s.newer.apply(moved.seq, moved.entry, moved.before)
		}
	}
	s.next += shift
}

// lastID returns the largest id of the alerts in d.
func lastID(d *disk) (last alert.ID, err error) {
	if d.index == nil {
		return last, nil
	}
	_, err = d.index.Walk(alertBucket, true, func(key, _ []byte) bool {
		copy(last[:], key)
		return false
	})
	return last, err
}
