package store

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// The buckets of the index.
const (
	alertBucket = "alert" // id → ledger.Row as JSON
	foldBucket  = "fold"  // key of de-duplication → id of the alert that counts its repeats
)

// catalog collects what the next update of an index has.
//
// One goroutine at a time.
type catalog struct {
	rows  map[alert.ID]ledger.Row
	folds map[string]alert.ID // the zero ID: there is none any more
}

func newCatalog() catalog {
	return catalog{map[alert.ID]ledger.Row{}, map[string]alert.ID{}}
}

// apply notes what a line changes. before is the row of its alert, and not looked at where
// the line raises it.
func (c *catalog) apply(seq uint64, e *ledger.Entry, before ledger.Row) {
	a := e.Alert
	if e.Kind == alert.KindRaised {
		c.rows[a.ID] = ledger.Raise(seq, a)
		if folds(a) {
			c.folds[a.DedupKey] = a.ID
		}
		return
	}
	c.rows[a.ID] = before.After(e)
	if !folds(a) {
		return
	}
	switch e.Kind {
	case alert.KindClosed:
		c.folds[a.DedupKey] = alert.ID{}
	case alert.KindReopened:
		c.folds[a.DedupKey] = a.ID
	}
}

// folds reports whether a is one whose repeats are counted.
func folds(a *alert.Alert) bool { return a.DedupKey != "" && a.FoldFor > 0 }

// size is how many operations the update has.
func (c *catalog) size() int { return len(c.rows) + len(c.folds) }

func (c *catalog) ops() ([]index.Op, error) {
	ops := make([]index.Op, 0, c.size())
	for id, row := range c.rows {
		b, err := json.Marshal(row)
		if err != nil {
			return nil, err
		}
		ops = append(ops, index.Op{Bucket: alertBucket, Key: id.Bytes(), Value: b})
	}
	for key, id := range c.folds {
		op := index.Op{Bucket: foldBucket, Key: foldKey(key)}
		if id != (alert.ID{}) {
			op.Value = id.Bytes()
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// foldKey is the key of the index: bbolt takes keys of limited size.
func foldKey(key string) []byte {
	const limit = 512
	if len(key) > limit {
		h := sha256.Sum256([]byte(key))
		return append([]byte(key[:limit-len(h)]), h[:]...)
	}
	return []byte(key)
}

// getRow reads a row from an index, false for none.
func getRow(x *index.Index, id alert.ID) (row ledger.Row, ok bool, err error) {
	b, err := x.Get(alertBucket, id.Bytes())
	if b == nil || err != nil {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, false, err
	}
	return row, true, nil
}

// batch is how many operations an update of the index has while it is made.
const batch = 2000

// catchUp applies the lines behind number after to x, and removes what is older than the
// journal.
func catchUp(x *index.Index, j *journal.Journal, after uint64) error {
	c, last := newCatalog(), after
	var failed error
	flush := func() {
		ops, err := c.ops()
		if err == nil {
			err = x.Update(last, ops)
		}
		failed, c = err, newCatalog()
	}
	err := j.Read(after+1, func(seq uint64, payload []byte) bool {
		last = seq
		e, err := ledger.Decode(payload)
		if err != nil || e.Alert == nil {
			return true // of a later version, or nothing that is looked for
		}
		before, ok := c.rows[e.Alert.ID]
		if !ok && e.Kind != alert.KindRaised {
			if before, ok, failed = getRow(x, e.Alert.ID); failed != nil || !ok {
				return failed == nil
			}
		}
		c.apply(seq, e, before)
		if c.size() >= batch {
			flush()
		}
		return failed == nil
	})
	if err := withoutDamage(err); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	s := j.Stats()
	if last = max(last, s.Last); last == after && after > 0 && c.size() == 0 {
		return prune(x, s.First)
	}
	if flush(); failed != nil {
		return failed
	}
	return prune(x, s.First)
}

// prune removes the alerts that were raised before line first.
func prune(x *index.Index, first uint64) error {
	for {
		var ops []index.Op
		applied, err := x.Walk(alertBucket, false, func(key, value []byte) bool {
			var row ledger.Row
			if json.Unmarshal(value, &row) != nil || row.Seq >= first || len(ops) >= batch {
				return false
			}
			ops = append(ops, index.Op{Bucket: alertBucket, Key: append([]byte(nil), key...)})
			return true
		})
		if err != nil || len(ops) == 0 {
			return err
		}
		if err := x.Update(applied, ops); err != nil {
			return err
		}
	}
}

// loadFolds returns the rows of the alerts that count repeats, and drops those whose time
// is over.
func loadFolds(x *index.Index, now time.Time) (rows []ledger.Row, err error) {
	ids := map[string]alert.ID{}
	applied, err := x.Walk(foldBucket, false, func(key, value []byte) bool {
		if len(value) == len(ulid.ULID{}) {
			ids[string(key)] = ulid.ULID(value)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	var over []index.Op
	for key, id := range ids {
		row, ok, err := getRow(x, id)
		if err != nil {
			return nil, err
		}
		if !ok || row.Alert.Status == alert.Closed || !within(now, row.Alert.Raised, row.Alert.FoldFor) {
			over = append(over, index.Op{Bucket: foldBucket, Key: []byte(key)})
			continue
		}
		rows = append(rows, row)
	}
	if len(over) == 0 {
		return rows, nil
	}
	return rows, x.Update(applied, over)
}

// within reports whether now is in the window that began at start. A clock that went back by
// more than the window ends it too, because an alert too many is better than one too few.
func within(now, start time.Time, window time.Duration) bool {
	d := now.Sub(start)
	return d < window && d > -window
}
