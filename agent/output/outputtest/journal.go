// Package outputtest has a journal of alerts in memory, and alerts to fill it, for the
// tests of outputs and their sinks.
package outputtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
)

// Journal implements output.Source. The zero Journal is empty. Safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	records []alert.Record    // guarded by mu
	first   uint64            // guarded by mu; records that fell out
	cursors map[string]uint64 // guarded by mu
	grown   chan struct{}     // guarded by mu; closed when records grow
	err     error             // guarded by mu; of all calls

	unread bool              // guarded by mu
	began  map[string]uint64 // guarded by mu; where outputs began while it was unread
}

var _ output.Source = (*Journal)(nil)

// Alert returns an alert that shows what the number is.
func Alert(n int, level alert.Level) *alert.Alert {
	at := time.Date(2026, 11, 27, 12, 0, 0, n, time.UTC)
	id := ulid.ULID{14: byte(n >> 8), 15: byte(n)}
	_ = id.SetTime(ulid.Timestamp(at)) // a time that fits
	return &alert.Alert{
		ID: id, Status: alert.Open, Count: 1, First: at, Last: at, Raised: at,
		Rule:  alert.Rule{ID: "rule-1", Title: fmt.Sprintf("alert %d", n), Description: "A test.", Level: level, Tags: []string{"attack.execution", "attack.t1059"}},
		Host:  alert.Host{ID: "host-1", Name: "web1"},
		Event: []byte(fmt.Sprintf(`{"process":{"pid":%d,"name":"bash","command_line":"bash -i"}}`, n)),
	}
}

// Raise appends n alerts of that level, and returns their titles.
func (j *Journal) Raise(n int, level alert.Level) (titles []string) {
	for range n {
		j.mu.Lock()
		a := Alert(int(j.lastLocked())+1, level)
		j.appendLocked(alert.KindRaised, a)
		j.mu.Unlock()
		titles = append(titles, a.Rule.Title)
	}
	return titles
}

// Append appends one record about an alert.
func (j *Journal) Append(k alert.Kind, a *alert.Alert) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.appendLocked(k, a)
}

func (j *Journal) appendLocked(k alert.Kind, a *alert.Alert) {
	j.records = append(j.records, alert.Record{Seq: j.lastLocked() + 1, Kind: k, Time: a.Raised, Alert: a})
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

func (j *Journal) lastLocked() uint64 { return j.first + uint64(len(j.records)) }

// Retain has all but the last n records fall out.
func (j *Journal) Retain(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	gone := max(len(j.records)-n, 0)
	j.records, j.first = slices.Clone(j.records[gone:]), j.first+uint64(gone)
}

// Break has every call fail with err from now on; nil mends it.
func (j *Journal) Break(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

// Hide has nobody know what is in the journal, as on a disk that does not answer, until Show
// is called. What is raised meanwhile is known.
func (j *Journal) Hide() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unread, j.began = true, map[string]uint64{}
}

// Show ends what Hide began.
func (j *Journal) Show() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unread = false
}

// Kept returns the cursor that is on the disk.
func (j *Journal) Kept(name string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cursors[name]
}

// Records implements output.Source.
func (j *Journal) Records(after uint64, n int) (records []alert.Record, missed uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, 0, j.err
	}
	if after < j.first {
		missed, after = j.first-after, j.first
	}
	if after >= j.lastLocked() {
		return nil, missed, nil
	}
	rest := j.records[after-j.first:]
	return slices.Clone(rest[:min(n, len(rest))]), missed, nil
}

// Last implements output.Source.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lastLocked()
}

// Wait implements output.Source.
func (j *Journal) Wait(ctx context.Context, after uint64) error {
	for {
		j.mu.Lock()
		if j.lastLocked() > after {
			j.mu.Unlock()
			return nil
		}
		if j.grown == nil {
			j.grown = make(chan struct{})
		}
		grown := j.grown
		j.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Cursor implements output.Source.
func (j *Journal) Cursor(name string) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.began[name]
	if !ok {
		at = j.lastLocked()
	}
	if j.unread {
		j.began[name] = at
		return at, output.ErrUnread
	}
	if at, ok := j.cursors[name]; ok {
		return at, j.err
	}
	return at, j.err
}

// SetCursor implements output.Source.
func (j *Journal) SetCursor(name string, after uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if j.unread {
		return output.ErrUnread
	}
	if j.cursors == nil {
		j.cursors = map[string]uint64{}
	}
	j.cursors[name] = after
	return nil
}
