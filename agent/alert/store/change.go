package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// Errors of what operators ask for.
var (
	ErrNotFound = errors.New("there is no such alert")
	ErrSilence  = errors.New("there is no such silence")
	ErrStatus   = errors.New("it is so already")
	ErrText     = errors.New("want a text")
	ErrFull     = errors.New("the disk cannot be written, and the memory for that is full")
	ErrSilences = errors.New("there is no room for more silences, end some of them")
)

// maxNote bounds the text of a note, and maxNotes how many an alert has.
const (
	maxNote  = 4096
	maxNotes = 100
)

// Ack has an alert acknowledged: somebody looks after it. The text, where there is one,
// becomes a note. It returns when that is on the disk, as Close, Reopen and Note do.
//
// Errors to act on are ErrNotFound, ErrStatus, ErrText, ErrFull and ErrStalled.
func (s *Store) Ack(ctx context.Context, id alert.ID, by, text string) error {
	return s.change(ctx, id, alert.KindAcknowledged, by, text)
}

// CloseAlert closes an alert: its next occurrence is a new alert.
func (s *Store) CloseAlert(ctx context.Context, id alert.ID, by, text string) error {
	return s.change(ctx, id, alert.KindClosed, by, text)
}

// Reopen opens an alert that was acknowledged or closed.
func (s *Store) Reopen(ctx context.Context, id alert.ID, by, text string) error {
	return s.change(ctx, id, alert.KindReopened, by, text)
}

// Note adds a note to an alert.
func (s *Store) Note(ctx context.Context, id alert.ID, by, text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("alert store: %w", ErrText)
	}
	return s.change(ctx, id, alert.KindNoted, by, text)
}

// statusAfter is the status that each kind of change leads to; noting leads to none.
var statusAfter = map[alert.Kind]alert.Status{
	alert.KindAcknowledged: alert.Acknowledged, alert.KindClosed: alert.Closed, alert.KindReopened: alert.Open,
}

func (s *Store) change(ctx context.Context, id alert.ID, kind alert.Kind, by, text string) error {
	text = strings.TrimSpace(text)
	if len(text) > maxNote {
		return fmt.Errorf("alert store: %w of at most %d bytes", ErrText, maxNote)
	}
	return s.ask(ctx, func() (*ledger.Entry, error) {
		row, err := s.rowAhead(id)
		if err != nil {
			return nil, err
		}
		b := *row.Alert
		status, changes := statusAfter[kind]
		switch {
		case changes && (b.Status == status || kind == alert.KindAcknowledged && b.Status == alert.Closed):
			return nil, fmt.Errorf("%w: %s", ErrStatus, b.Status)
		case text != "" && len(b.Notes) >= maxNotes:
			return nil, fmt.Errorf("%w: it has %d notes already", ErrText, maxNotes)
		case changes:
			b.Status = status
		}
		b.Notes = nil
		now := s.o.Now()
		s.follow(&b, kind, now)
		return &ledger.Entry{Kind: kind, Time: now.UTC(), Alert: &b, By: by, Text: text}, nil
	})
}

// follow has what counts the repeats of b follow its change, and takes over the count.
func (s *Store) follow(b *alert.Alert, kind alert.Kind, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.folds.byKey[b.DedupKey]
	if f != nil && f.brief.ID == b.ID {
		b.Count, b.Last = f.count, f.last
		f.written()
		f.brief = b
		if kind == alert.KindClosed {
			s.folds.remove(f)
		}
		return
	}
	if kind == alert.KindReopened && f == nil && folds(b) && within(now, b.Raised, b.FoldFor) {
		s.release(s.folds.add(&fold{key: b.DedupKey, rule: ruleOf(b), brief: b, count: b.Count, last: b.Last, raised: true}))
	}
}

// Silence keeps alerts that meet all conditions from being sent until a time. The store
// sets ID and Created, and returns the silence when it is on the disk. Errors are
// alert.ErrSilence for one that could never do what its author wants, ErrSilences and
// ErrFull.
func (s *Store) Silence(ctx context.Context, x alert.Silence) (*alert.Silence, error) {
	now := s.o.Now()
	x.Created, x.Until = now.UTC(), x.Until.UTC()
	if err := x.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	x.ID = s.ids.next(now).String()
	n := len(s.state.Silences())
	s.mu.Unlock()
	if n >= maxSilences {
		return nil, fmt.Errorf("alert store: %w: there are %d already", ErrSilences, n)
	}
	return &x, s.ask(ctx, func() (*ledger.Entry, error) {
		e := &ledger.Entry{Kind: ledger.KindSilence, Time: now.UTC(), Silence: &x, By: x.By, Text: x.Reason}
		if size, err := s.stateWith(e); err != nil || size > maxState {
			return nil, cmp.Or(err, ErrSilences)
		}
		return e, nil
	})
}

// maxState bounds the silences and cursors, because each segment begins with all of them in
// one line. The other half is for the cursors, which nobody refuses.
const maxState = journal.MaxLine / 2

// stateWith returns how many bytes the silences and cursors have with e and all that was
// asked for before.
func (s *Store) stateWith(e *ledger.Entry) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.state.Head()
	if err != nil {
		return 0, err
	}
	one, err := json.Marshal(e.Silence)
	if err != nil {
		return 0, err
	}
	size := len(all) + len(one)
	for _, l := range s.lines {
		if !l.shown && l.entry.Kind == ledger.KindSilence {
			one, err := json.Marshal(l.entry.Silence)
			if err != nil {
				return 0, err
			}
			size += len(one)
		}
	}
	return size, nil
}

// maxSilences bounds what each alert is compared with.
const maxSilences = 1000

// Unsilence ends a silence. Errors to act on are ErrSilence and ErrFull.
func (s *Store) Unsilence(ctx context.Context, id, by, text string) error {
	return s.ask(ctx, func() (*ledger.Entry, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state.Silence(id) == nil {
			return nil, ErrSilence
		}
		return &ledger.Entry{Kind: ledger.KindUnsilence, Time: s.o.Now().UTC(), ID: id, By: by, Text: text}, nil
	})
}

// Silences returns the silences that hold.
func (s *Store) Silences() []*alert.Silence {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*alert.Silence
	for _, x := range s.state.Silences() {
		if now.Before(x.Until) {
			all = append(all, x)
		}
	}
	return all
}

// ask queues what an operator wants, and waits until it is done.
func (s *Store) ask(ctx context.Context, entry func() (*ledger.Entry, error)) error {
	done := make(chan error, 1)
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return ErrClosed
	case s.memory.used > s.memory.max:
		s.mu.Unlock()
		return fmt.Errorf("alert store: %w", ErrFull)
	}
	s.push(&item{done: done, entry: entry})
	s.mu.Unlock()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, ErrClosed) {
			err = fmt.Errorf("alert store: %w", err)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
