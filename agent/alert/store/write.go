package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// line has its number, and is not on the disk yet.
type line struct {
	seq     uint64
	payload []byte
	entry   *ledger.Entry
	before  ledger.Row // of its alert, where it does not raise it
	rule    string
	bytes   int64
	done    chan<- error
	shown   bool // it took effect
}

// writer is the state of the goroutine that writes.
type writer struct {
	ahead      map[alert.ID]ledger.Row // of lines that did not take effect yet
	retry      time.Time               // when the disk is tried again
	failures   int
	maintained time.Time // when the slow part of maintain was last done
	lost       error     // what Close could not write
	clock      steady
	back       <-chan func() // of what the disk does late, see touch; nil for nothing
}

// Bounds of one append: what is queued longer goes with the next one.
const (
	maxBatch      = 4096
	maxBatchBytes = 1 << 20
)

// tick is how often the writer looks after what is due.
const tick = 250 * time.Millisecond

// write is the goroutine that writes. It ends with Close.
func (s *Store) write() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-s.wake:
		case <-t.C:
			s.maintain(false)
		case done := <-s.writer.back:
			s.returned(done)
		case <-s.quit:
			s.maintain(true)
			s.writer.retry = time.Time{}
			s.turn()
			for s.writer.back != nil { // Close waits for a while, and nobody after that
				s.returned(<-s.writer.back)
				s.turn()
			}
			s.abandon()
			return
		}
		s.turn()
	}
}

// turn numbers what is queued, and writes it.
func (s *Store) turn() {
	s.number()
	s.flush()
	clear(s.writer.ahead) // all of it took effect
}

// number gives each queued item its line. What needs the disk stays queued while that does
// not answer.
func (s *Store) number() {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	var later []*item
	for _, x := range queue {
		if x.swap != nil {
			x.swap()
			continue
		}
		l, err := s.line(x)
		if errors.Is(err, ErrStalled) {
			later = append(later, x)
		}
		if l == nil {
			continue
		}
		s.mu.Lock()
		l.seq = s.next
		s.next++
		s.lines = append(s.lines, l)
		s.mu.Unlock()
		if e := l.entry; e.Alert != nil {
			if s.writer.ahead == nil {
				s.writer.ahead = map[alert.ID]ledger.Row{}
			}
			if e.Kind == alert.KindRaised {
				s.writer.ahead[e.Alert.ID] = ledger.Raise(l.seq, e.Alert)
			} else {
				s.writer.ahead[e.Alert.ID] = l.before.After(e)
			}
		}
	}
	if len(later) > 0 {
		s.mu.Lock()
		s.queue = append(later, s.queue...)
		s.mu.Unlock()
	}
}

// line makes the line of x without its number, nil where there is to be none. With
// ErrStalled it has to be asked again; who waits for x has had the error then.
func (s *Store) line(x *item) (*line, error) {
	e, err := x.entry()
	l := &line{entry: e, rule: x.rule, done: x.done}
	if err == nil && e != nil && e.Alert != nil && e.Kind != alert.KindRaised {
		l.before, err = s.rowAhead(e.Alert.ID) // ErrNotFound: it was removed meanwhile
	}
	if x.done == nil && errors.Is(err, ErrStalled) {
		return nil, err
	}
	if err == nil && e != nil {
		l.payload, err = e.Encode()
	}
	if err == nil && len(l.payload) > journal.MaxLine {
		err = fmt.Errorf("%w: a line of %d bytes", journal.ErrPayload, len(l.payload)) // it would keep all behind it from the disk
	}
	if err != nil || e == nil {
		s.mu.Lock()
		s.memory.add(x.rule, -x.bytes)
		if err != nil && x.done == nil && !errors.Is(err, ErrNotFound) {
			s.memory.total++ // an event that is no JSON, or something too large
			s.memory.dropped[x.rule]++
			if x.fold != nil {
				s.folds.remove(x.fold) // else repeats would count in an alert that there is not
			}
		}
		s.mu.Unlock()
		if x.done != nil {
			x.done <- err
		}
		return nil, nil
	}
	const fixed = 512
	l.bytes = int64(len(l.payload)) + fixed
	s.mu.Lock()
	s.memory.add(x.rule, l.bytes-x.bytes)
	s.mu.Unlock()
	return l, nil
}

// flush writes all lines, or has them take effect in memory where that cannot be. It opens
// the data directory where that is not open.
func (s *Store) flush() {
	for {
		s.mu.Lock()
		d, lines := s.disk, s.lines
		s.mu.Unlock()
		if s.writer.back == nil && d != nil && len(lines) == 0 {
			if s.writer.failures > 0 {
				s.healed() // nothing waits, and the directory is open
			}
			return
		}
		if s.writer.back != nil || s.writer.failures > 0 && time.Now().Before(s.writer.retry) {
			s.show(lines)
			return
		}
		ok := false
		if d == nil {
			s.touch(context.Background(), func() func() {
				o, err := openAll(&s.o)
				return func() { ok = s.attach(o, err) }
			})
		} else {
			ok = s.append(d, lines)
		}
		if !ok {
			s.mu.Lock()
			lines = s.lines // they may have other numbers now
			s.mu.Unlock()
			s.show(lines)
			return
		}
	}
}

// append writes the first of lines, as many as go together. It reports false where that
// failed, or goes on.
func (s *Store) append(d *disk, lines []*line) (ok bool) {
	j := d.journal
	begin := j.Full() || j.Next() != lines[0].seq
	var head []byte
	if begin {
		s.mu.Lock()
		var err error
		head, err = s.state.Head()
		s.mu.Unlock()
		if err != nil {
			s.failed(err)
			return false
		}
	}
	payloads, bytes := make([][]byte, 0, min(len(lines), maxBatch)), 0
	for _, l := range lines {
		if len(payloads) == maxBatch || bytes > maxBatchBytes {
			break
		}
		payloads, bytes = append(payloads, l.payload), bytes+len(l.payload)
	}
	first := lines[0].seq
	s.touch(context.Background(), func() func() {
		var err error
		if begin {
			err = j.Begin(first, d.ahead, head)
		}
		if err == nil {
			_, err = j.Append(payloads)
		}
		return func() { ok = s.appended(lines[:len(payloads)], begin, err) }
	})
	return ok
}

// appended takes over what became of lines that were to be written.
func (s *Store) appended(lines []*line, began bool, err error) (ok bool) {
	if err != nil {
		s.failed(err)
		s.gone(err)
		return false
	}
	if s.writer.failures > 0 {
		s.healed()
	}
	s.mu.Lock()
	for _, l := range lines {
		s.memory.add(l.rule, -l.bytes)
	}
	if s.lines = s.lines[len(lines):]; len(s.lines) == 0 {
		s.lines = nil
	}
	s.mu.Unlock()
	s.show(lines)
	s.index(false)
	if began {
		s.retain()
	}
	return true
}

// gone closes the directory where err means that it is not what it was, so that it is made
// again.
func (s *Store) gone(err error) {
	if !errors.Is(err, journal.ErrRemoved) && !missing(err) {
		return
	}
	s.mu.Lock()
	d := s.disk
	s.disk = nil
	s.trouble.removed++
	s.newer = s.catalogOfLinesLocked() // which are all that is left
	s.mu.Unlock()
	s.o.Log.Error("alert store: the data directory was removed", "dir", s.o.Dir)
	s.letGo(d.close)
}

// show has lines take effect that did not yet.
func (s *Store) show(lines []*line) {
	raised := false
	s.mu.Lock()
	first := len(lines)
	for i, l := range lines {
		if l.shown {
			continue
		}
		first = min(first, i)
		l.shown = true
		s.shown = l.seq
		s.state.Apply(l.entry)
		if e := l.entry; e.Alert != nil {
			s.newer.apply(l.seq, e, l.before)
		}
		if l.entry.IsRecord() {
			s.records, raised = l.seq, true
		}
	}
	if raised && !s.closed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.mu.Unlock()
	for _, l := range lines[first:] {
		if l.entry.Kind == alert.KindRaised && s.o.OnRaised != nil {
			s.o.OnRaised(l.entry.Record(l.seq))
		}
		if l.done != nil {
			l.done <- nil
			l.done = nil
		}
	}
}

// abandon counts what Close could not write.
func (s *Store) abandon() {
	s.mu.Lock()
	err := s.trouble.err
	for _, x := range s.queue {
		if x.done != nil {
			x.done <- ErrClosed
		}
	}
	s.mu.Unlock()
	s.writer.lost = s.unwritten(err)
}

// unwritten returns an error with the number of alerts that are only in memory, nil for none.
func (s *Store) unwritten(because error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		if l.entry.Kind == alert.KindRaised {
			n++
		}
	}
	for _, x := range s.queue {
		if x.bytes > 0 { // of an alert
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("alert store: %d alerts could not be written: %w", n, because)
}
