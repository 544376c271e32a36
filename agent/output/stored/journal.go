// Package stored has the journal of the alert store as outputs read it.
package stored

import (
	"context"
	"sync"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/output"
)

// Journal implements output.Source. Without a store there are no records.
//
// The store has 0 for an output without a cursor, and a cursor of 0 is that of one that
// began when the journal was empty: what the store keeps is larger by 1.
//
// Safe for concurrent use.
type Journal struct {
	store func() *store.Store

	mu    sync.Mutex
	began map[string]uint64 // guarded by mu; where outputs began while the store was unread
}

var _ output.Source = (*Journal)(nil)

// New makes a Journal of the store that is there now and then: store returns nil for none.
func New(store func() *store.Store) *Journal {
	return &Journal{store: store, began: map[string]uint64{}}
}

// Records implements output.Source.
func (j *Journal) Records(after uint64, n int) ([]alert.Record, uint64, error) {
	if s := j.store(); s != nil {
		return s.Records(after, n)
	}
	return nil, 0, nil
}

// Last implements output.Source.
func (j *Journal) Last() uint64 {
	if s := j.store(); s != nil {
		return s.Last()
	}
	return 0
}

// Wait implements output.Source.
func (j *Journal) Wait(ctx context.Context, after uint64) error {
	if s := j.store(); s != nil {
		return s.Wait(ctx, after)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Cursor implements output.Source.
func (j *Journal) Cursor(name string) (uint64, error) {
	s := j.store()
	if s == nil {
		return 0, nil
	}
	last := s.Last() // before the cursor is asked for: a new output gets what is raised from now on
	kept, err := s.Cursor(name)
	if err == nil && kept > 0 {
		return kept - 1, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.began[name]
	if !ok {
		at = last
	}
	if err != nil { // store.ErrUnread
		j.began[name] = at
		return at, output.ErrUnread
	}
	return at, nil
}

// SetCursor implements output.Source.
func (j *Journal) SetCursor(name string, after uint64) error {
	s := j.store()
	if s == nil {
		return nil
	}
	if err := s.SetCursor(name, after+1); err != nil { // store.ErrUnread
		return output.ErrUnread
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.began, name)
	return nil
}
