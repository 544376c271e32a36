package store

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// Filter states which alerts a query is about. The zero Filter takes all.
type Filter struct {
	Status       []alert.Status // one of them
	Level        alert.Level    // at least
	Rule         string         // its id, or a text that its title has, in any case
	Host         string         // its name or id
	Since, Until time.Time      // when it was raised
	Text         string         // that stands anywhere in it, in any case
	Silenced     *bool
	// ID is the end of its id, or all of it.
	ID string
	// Before has the query begin with alerts that were raised before that one.
	Before alert.ID
	// Limit is how many alerts are returned at most; 0: 100.
	Limit int
}

// takes reports whether the filter takes an alert, apart from its Text.
func (f *Filter) takes(a *alert.Alert) bool {
	return (len(f.Status) == 0 || slices.Contains(f.Status, a.Status)) &&
		a.Rule.Level >= f.Level &&
		(f.Rule == "" || f.Rule == a.Rule.ID || strings.Contains(strings.ToLower(a.Rule.Title), strings.ToLower(f.Rule))) &&
		(f.Host == "" || f.Host == a.Host.Name || f.Host == a.Host.ID) &&
		(f.Since.IsZero() || !a.Raised.Before(f.Since)) &&
		(f.Until.IsZero() || a.Raised.Before(f.Until)) &&
		(f.Silenced == nil || *f.Silenced == (a.Silenced != "")) && f.takesID(a.ID)
}

// takesID reports whether the filter may take the alert of that id.
func (f *Filter) takesID(id alert.ID) bool {
	return (f.Before == (alert.ID{}) || id.Compare(f.Before) < 0) &&
		(f.ID == "" || strings.HasSuffix(id.String(), strings.ToUpper(f.ID)))
}

// has reports whether the text of the filter stands in an alert.
func (f *Filter) has(a *alert.Alert) bool {
	if f.Text == "" {
		return true
	}
	b, err := alert.Marshal(a)
	if err != nil {
		return false
	}
	text, err := alert.Marshal(f.Text) // with quotes around it, and escapes as in the alert
	return err == nil && bytes.Contains(bytes.ToLower(b), bytes.ToLower(text[1:len(text)-1]))
}

// Query returns the alerts that the filter takes, the newest first, each with its whole
// event. more means that there are others.
//
// It returns ErrStalled where the disk does not answer, as Get and Records do.
func (s *Store) Query(f Filter) (all []*alert.Alert, more bool, err error) {
	type answer struct {
		all  []*alert.Alert
		more bool
	}
	a, err := patiently(&s.reads, max(queryTime, s.o.Patience), func() (a answer, err error) {
		a.all, a.more, err = s.find(f)
		return a, err
	})
	return a.all, a.more, err
}

func (s *Store) find(f Filter) (all []*alert.Alert, more bool, err error) {
	v, err := s.view()
	if err != nil {
		return nil, false, err
	}
	if v.index != nil {
		all, more, err = f.query(&v, v.newer, v.index)
		if !damaged(err) {
			return all, more, err
		}
		s.dropIndex(err)
	}
	rows, err := v.rows()
	if err != nil {
		return nil, false, err
	}
	return f.query(&v, rows, nil)
}

// query collects alerts: the rows, and those of x that are not among them.
func (f *Filter) query(v *view, rows map[alert.ID]ledger.Row, x *index.Index) (all []*alert.Alert, more bool, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	visit := func(row ledger.Row) bool {
		if !f.takes(row.Alert) {
			return true
		}
		if f.Text == "" && len(all) == limit {
			more = true
			return false
		}
		whole, werr := v.whole(row.Seq)
		if werr != nil {
			err = werr
			return false
		}
		if whole == nil || whole.ID != row.Alert.ID {
			return true // its line is no more
		}
		if a := row.Fill(whole); f.has(a) {
			if len(all) == limit {
				more = true
				return false
			}
			all = append(all, a)
		}
		return true
	}
	ids := slices.Collect(maps.Keys(rows))
	sort.Slice(ids, func(i, j int) bool { return ids[i].Compare(ids[j]) > 0 })
	if x != nil {
		walk := func(f func(key, value []byte) bool) (uint64, error) { return x.Walk(alertBucket, true, f) }
		if f.Before != (alert.ID{}) {
			walk = func(g func(key, value []byte) bool) (uint64, error) {
				return x.WalkBefore(alertBucket, f.Before.Bytes(), g)
			}
		}
		_, werr := walk(func(key, value []byte) bool {
			var id alert.ID
			copy(id[:], key)
			for len(ids) > 0 && ids[0].Compare(id) >= 0 {
				newer := ids[0]
				if ids = ids[1:]; !visit(rows[newer]) {
					return false
				}
				if newer == id {
					return true
				}
			}
			if !f.takesID(id) {
				return true // to decode each row takes most of the time
			}
			var row ledger.Row
			if json.Unmarshal(value, &row) != nil {
				return true // of a later version
			}
			return visit(row)
		})
		if werr != nil || err != nil || more {
			return all, more, firstError(werr, err)
		}
	}
	for _, id := range ids {
		if !visit(rows[id]) {
			break
		}
	}
	return all, more, err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Get returns an alert as a whole, with ErrNotFound where there is none.
func (s *Store) Get(id alert.ID) (*alert.Alert, error) {
	return patiently(&s.reads, max(queryTime, s.o.Patience), func() (*alert.Alert, error) { return s.get(id) })
}

func (s *Store) get(id alert.ID) (*alert.Alert, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	row, ok, err := s.row(&v, id)
	if err != nil || !ok {
		return nil, firstError(err, ErrNotFound)
	}
	whole, err := v.whole(row.Seq)
	if err != nil || whole == nil || whole.ID != id {
		return nil, firstError(err, ErrNotFound)
	}
	return row.Fill(whole), nil
}

// row returns the row of an alert in v.
func (s *Store) row(v *view, id alert.ID) (ledger.Row, bool, error) {
	if row, ok := v.newer[id]; ok {
		return row, true, nil
	}
	if v.index != nil {
		row, ok, err := getRow(v.index, id)
		if !damaged(err) {
			return row, ok, err
		}
		s.dropIndex(err)
	}
	rows, err := v.rows()
	if err != nil {
		return ledger.Row{}, false, err
	}
	row, ok := rows[id]
	return row, ok, nil
}

// rows returns what all lines make of the alerts, without an index.
func (v *view) rows() (map[alert.ID]ledger.Row, error) {
	rows := map[alert.ID]ledger.Row{}
	err := v.read(1, func(seq uint64, payload []byte) bool {
		e, err := ledger.Decode(payload)
		if err != nil || e.Alert == nil {
			return true
		}
		if e.Kind == alert.KindRaised {
			rows[e.Alert.ID] = ledger.Raise(seq, e.Alert)
		} else if row, ok := rows[e.Alert.ID]; ok {
			rows[e.Alert.ID] = row.After(e)
		}
		return true
	})
	return rows, err
}

// rowAhead returns the row of an alert after all lines that have their number, or ErrNotFound,
// or ErrStalled where only the disk has it and does not answer. Only the writer calls it.
func (s *Store) rowAhead(id alert.ID) (row ledger.Row, err error) {
	if row, ok := s.writer.ahead[id]; ok {
		return row, nil
	}
	s.mu.Lock()
	row, ok := s.newer.rows[id]
	if ok || s.writer.back != nil {
		s.mu.Unlock()
		if !ok {
			err = ErrStalled
		}
		return row, err
	}
	v := s.viewLocked()
	s.mu.Unlock()
	if v.disk == nil {
		row, ok, err = s.row(&v, id)
	} else {
		err = ErrStalled
		s.touch(context.Background(), func() func() {
			r, there, rerr := s.row(&v, id)
			return func() { row, ok, err = r, there, rerr }
		})
	}
	if err == nil && !ok {
		err = ErrNotFound
	}
	return row, err
}
