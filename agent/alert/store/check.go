package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"os"
	"path/filepath"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// ErrDiffers is returned where the index does not have what the journal makes of it.
var ErrDiffers = errors.New("the index differs from the journal")

func damaged(err error) bool {
	return errors.Is(err, index.ErrDamaged) || errors.Is(err, ErrDiffers)
}

// check is the goroutine that compares now and then. It ends with Close.
func (s *Store) check() {
	t := time.NewTicker(s.o.CheckEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.recheck:
		case <-s.quit:
			return
		}
		if err := s.Check(); err != nil && !errors.Is(err, ErrClosed) {
			s.o.Log.Warn("alert store: checked", "found", err)
		}
	}
}

// Check reads the whole journal, repairs what is damaged, and compares the index with it. An
// index that is damaged or differs is made again, and the error is the reason. It runs beside
// everything else, and is also done at intervals.
func (s *Store) Check() error {
	s.mu.Lock()
	d, closed, index := s.disk, s.closed, s.trouble.index
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if d == nil {
		return nil // it is checked when it is opened
	}
	r, err := d.journal.Verify()
	if err != nil {
		return fmt.Errorf("alert store: %w", err)
	}
	var found error
	if len(r.Broken) > 0 {
		found = fmt.Errorf("alert store: damaged segments: %v, lost lines: %v", r.Broken, r.Lost)
		s.mu.Lock()
		for _, x := range r.Lost {
			s.trouble.lost += x.Count()
		}
		s.trouble.broken = d.journal.Stats().Broken
		s.trouble.mended = append(s.trouble.mended, "damaged segments were kept")
		s.mu.Unlock()
	}
	if index != nil {
		return errors.Join(found, s.renew(d, index))
	}
	if err := compare(d.index, d.journal); err != nil {
		return errors.Join(found, err, s.renew(d, err))
	}
	return found
}

// digest is what is compared of an alert.
type digest struct {
	seq   uint64
	brief uint64
	notes uint64
	n     int
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func sumOf(v any) uint64 {
	b, err := json.Marshal(v)
	if err != nil {
		return 0
	}
	return crc64.Checksum(b, crcTable)
}

// digestOf returns the digest of a row.
func digestOf(row ledger.Row) digest {
	brief := *row.Alert
	brief.Notes = nil
	d := digest{seq: row.Seq, brief: sumOf(&brief), n: len(row.Alert.Notes)}
	for _, n := range row.Alert.Notes {
		d.notes = d.notes*31 + sumOf(n)
	}
	return d
}

// compare returns ErrDiffers, or index.ErrDamaged, where the index is not what the lines of
// the journal make of it. What is trimmed meanwhile does not count.
func compare(x *index.Index, j *journal.Journal) error {
	if err := x.Check(); err != nil {
		return err
	}
	have := map[alert.ID]digest{}
	applied, err := x.Walk(alertBucket, false, func(key, value []byte) bool {
		var id alert.ID
		copy(id[:], key)
		var row ledger.Row
		if json.Unmarshal(value, &row) == nil && row.Alert != nil {
			have[id] = digestOf(row)
		}
		return true
	})
	if err != nil {
		return err
	}
	want := map[alert.ID]digest{}
	if err := withoutDamage(j.Read(1, func(seq uint64, payload []byte) bool {
		if seq > applied {
			return false
		}
		e, err := ledger.Decode(payload)
		if err != nil || e.Alert == nil {
			return true
		}
		d, ok := want[e.Alert.ID]
		switch {
		case e.Kind == alert.KindRaised:
			d = digest{seq: seq, brief: sumOf(e.Alert.Brief())}
		case !ok:
			return true
		default:
			d.brief = sumOf(e.Alert)
			if e.Text != "" {
				d.notes, d.n = d.notes*31+sumOf(alert.Note{Time: e.Time, By: e.By, Text: e.Text}), d.n+1
			}
		}
		want[e.Alert.ID] = d
		return true
	})); err != nil {
		return err
	}
	first := j.Stats().First
	for id, d := range have {
		if d.seq >= first && want[id] != d {
			return fmt.Errorf("alert store: %w: alert %s", ErrDiffers, id)
		}
	}
	for id, d := range want {
		if _, ok := have[id]; !ok && d.seq >= first {
			return fmt.Errorf("alert store: %w: alert %s is not in it", ErrDiffers, id)
		}
	}
	return nil
}

// dropIndex takes the index out of use: queries read the journal until it is made again.
func (s *Store) dropIndex(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble.index == nil {
		s.o.Log.Error("alert store: the index is out of use", "because", err)
	}
	s.trouble.index = err
	select {
	case s.recheck <- struct{}{}:
	default: // it is to be checked already
	}
}

// renew makes the index of d again, and puts it in the place of the one that is there.
func (s *Store) renew(d *disk, because error) error {
	path := filepath.Join(d.dir, indexName)
	fresh, err := buildIndex(path+".new", d.journal)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.Join(ErrClosed, fresh.Close(), os.Remove(path+".new"))
	}
	s.push(&item{done: done, swap: func() { s.swap(d, fresh, path, because, done) }})
	s.mu.Unlock()
	return <-done
}

// swap has fresh take the place of the index of d, and answers done. Only the writer calls
// it.
func (s *Store) swap(d *disk, fresh *index.Index, path string, because error, done chan<- error) {
	if s.writer.back != nil {
		done <- errors.Join(ErrStalled, fresh.Close())
		return
	}
	s.touch(context.Background(), func() func() {
		applied, err := fresh.Applied()
		if err == nil {
			err = catchUp(fresh, d.journal, applied)
		}
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			err = errors.Join(err, fresh.Close())
		}
		return func() {
			if err != nil {
				done <- err
				return
			}
			s.swapped(d, fresh, because)
			done <- nil
		}
	})
}

func (s *Store) swapped(d *disk, fresh *index.Index, because error) {
	s.mu.Lock()
	old := d.index
	d.index = fresh
	s.trouble.index = nil
	s.trouble.rebuilt++
	s.trouble.mended = append(s.trouble.mended, "the index was made again from the journal")
	s.newer = s.catalogOfLinesLocked() // but for what waits in memory all is in the index
	s.mu.Unlock()
	s.o.Log.Warn("alert store: the index was made again from the journal", "because", because)
	if old != nil {
		s.letGo(old.Close)
	}
}

// catalogOfLinesLocked returns what the lines in memory make of the alerts.
func (s *Store) catalogOfLinesLocked() catalog {
	c := newCatalog()
	for _, l := range s.lines {
		if l.shown && l.entry.Alert != nil {
			c.apply(l.seq, l.entry, l.before)
		}
	}
	return c
}
