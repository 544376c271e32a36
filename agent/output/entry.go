package output

import (
	"context"
	"sync"
	"time"
)

// entry is one output by name. Its worker is replaced when its Spec changes; its feed, its
// status and its goroutine stay.
type entry struct {
	m      *Manager
	name   string
	feed   *feed
	status status
	tests  chan chan error
	wake   chan struct{} // capacity 1: spec has changed
	ended  chan struct{} // closed when run has returned

	mu      sync.Mutex
	spec    *Spec         // guarded by mu; nil for one that was removed
	version uint64        // guarded by mu; of spec
	done    uint64        // guarded by mu; version that run has put in force
	quiet   chan struct{} // guarded by mu; closed and replaced when done changes
}

func newEntry(m *Manager, name string) *entry {
	return &entry{
		m: m, name: name, feed: newFeed(m.o.Bus, name), tests: make(chan chan error), wake: make(chan struct{}, 1),
		ended: make(chan struct{}), quiet: make(chan struct{}),
	}
}

// change puts another Spec in force, nil for none; false where there is none already.
func (e *entry) change(s *Spec) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s == nil && e.spec == nil {
		return false
	}
	e.spec, e.version = s, e.version+1
	if s != nil {
		e.status.describe(s)
	}
	wake(e.wake)
	return true
}

// stopped waits until run has put the newest Spec in force, or ended, or was not started.
func (e *entry) stopped() {
	e.m.mu.Lock()
	started := e.m.ctx != nil
	e.m.mu.Unlock()
	for started {
		e.mu.Lock()
		done, quiet := e.done == e.version, e.quiet
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-quiet:
		case <-e.ended:
			return
		}
	}
}

// run runs the newest Spec until ctx ends.
func (e *entry) run(ctx context.Context) {
	defer close(e.ended)
	var feeding sync.WaitGroup
	feedCtx, stopFeed := context.WithCancel(context.WithoutCancel(ctx)) // the worker ends before it
	feeding.Go(func() { e.feed.run(feedCtx) })
	defer feeding.Wait()
	defer stopFeed()
	for ctx.Err() == nil {
		select {
		case <-e.wake: // for the Spec that is read now
		default:
		}
		e.mu.Lock()
		spec, version := e.spec, e.version
		e.mu.Unlock()
		var work sync.WaitGroup
		inner, stop := context.WithCancel(ctx)
		if spec != nil {
			w := e.worker(spec)
			e.feed.subscribe(ctx, w.topics.bus, spec.Queue)
			work.Go(func() { w.run(inner) })
		} else {
			e.feed.subscribe(ctx, nil, 0)
			e.feed.drop()
		}
		e.reached(version)
		select {
		case <-e.wake:
		case <-ctx.Done():
		}
		stop()
		work.Wait()
	}
}

// reached notes that a version is in force.
func (e *entry) reached(version uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = version
	close(e.quiet)
	e.quiet = make(chan struct{})
}

func (e *entry) worker(s *Spec) *worker {
	t, err := parseTopics(s.Topics)
	if err != nil {
		panic(err) // Apply has checked it
	}
	return &worker{
		spec: *s, topics: t, source: e.m.o.Source, feed: e.feed, log: e.m.o.Logger, life: e.m.life, status: &e.status, tests: e.tests,
		more: make(chan struct{}),
	}
}

// state returns the status, false for an output that was removed.
func (e *entry) state(last uint64, now time.Time) (Status, bool) {
	e.mu.Lock()
	there := e.spec != nil
	e.mu.Unlock()
	if !there {
		return Status{}, false
	}
	held, lost, err := e.feed.state()
	e.status.lostMessages(lost)
	s := e.status.get(last, now)
	s.Waiting, s.Health = held, worst(s.Health, err)
	return s, true
}

// test has the worker send a test.
func (e *entry) test(ctx context.Context) error {
	e.mu.Lock()
	there := e.spec != nil
	e.mu.Unlock()
	if !there {
		return ErrUnknown
	}
	answer := make(chan error, 1)
	for _, step := range []func() error{
		func() error {
			select {
			case e.tests <- answer:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			case <-e.ended:
				return ErrUnknown
			}
		},
		func() error {
			select {
			case err := <-answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
