package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrStalled is returned where the disk neither does what it is asked for nor fails, as a
// mount whose server is dead.
var ErrStalled = errors.New("the disk does not answer")

// Bounds of waiting for a disk.
const (
	// patience is how long alerts wait for the disk until they go on without it. Syncs of
	// busy disks take a second now and then.
	patience = 3 * time.Second
	// queryTime bounds a query, which may have to read the whole journal. Commands wait 5 s
	// for an answer.
	queryTime = 4 * time.Second
	// maxReads is how many reads go on at a time. Those that do not return keep their place.
	maxReads = 32
)

// touch has do touch the disk, in a goroutine of its own, because nothing ends a call to a
// disk that is dead. What do returns is then called by the writer. Where the disk takes
// longer than the patience of the store, touch reports false: the writer calls what do
// returns in a later turn, and until then nothing else touches the disk. The same holds
// where ctx ends.
//
// Only the writer calls it, and Open before there is a writer. do must not use what the
// writer owns.
func (s *Store) touch(ctx context.Context, do func() (done func())) bool {
	w := &s.writer
	if w.back != nil {
		return false
	}
	back := make(chan func(), 1)
	go func() { back <- do() }() // ends when the disk returns; the writer waits for it, but for a dead one
	late := time.NewTimer(s.o.Patience)
	defer late.Stop()
	select {
	case done := <-back:
		done()
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	select {
	case done := <-back: // it was this process that had no time
		done()
		return true
	default:
	}
	w.back = back
	if ctx.Err() == nil { // else the disk had no time to answer
		s.failed(ErrStalled)
	}
	return false
}

// returned takes over what the disk has done late.
func (s *Store) returned(done func()) {
	s.writer.back = nil
	done()
	s.mu.Lock()
	stalled := errors.Is(s.trouble.err, ErrStalled)
	s.mu.Unlock()
	if stalled { // else it has failed
		s.healed()
	}
}

// reads bounds what reads the disk for others than the writer. Safe for concurrent use.
type reads struct {
	places chan struct{}
	late   atomic.Int32 // that nobody waits for any more
}

// patiently returns what f reads, or ErrStalled after a time: then f goes on, and nobody
// waits for it.
func patiently[T any](r *reads, limit time.Duration, f func() (T, error)) (v T, err error) {
	type result struct {
		v   T
		err error
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r.places <- struct{}{}:
	case <-timer.C:
		return v, ErrStalled
	}
	var ended atomic.Bool // by who comes first: the read or the time
	back := make(chan result, 1)
	go func() { // ends when the disk returns; patiently waits for it, but for a dead one
		v, err := f()
		<-r.places
		back <- result{v, err}
		if !ended.CompareAndSwap(false, true) {
			r.late.Add(-1)
		}
	}()
	select {
	case x := <-back:
		return x.v, x.err
	case <-timer.C:
		if ended.CompareAndSwap(false, true) {
			r.late.Add(1)
		}
		return v, ErrStalled
	}
}
