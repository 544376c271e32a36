package ring

import (
	"context"
	"iter"
	"runtime"
	"sync/atomic"
)

const (
	pauseLoops = 320 // about 100 ns
	spinRounds = 10  // pauses before parking
	little     = 16  // a batch below this is followed by a pause
)

// pause keeps the processor busy without touching shared memory.
//
//go:noinline
func pause(loops int) {
	for range loops {
	}
}

// Signal is where a consumer sleeps until a producer wakes it. Rings that one
// goroutine consumes can share a Signal, so that it can wait for all of them.
//
// Notify is safe for concurrent use; the other methods are for one goroutine at
// a time, the consumer.
type Signal struct {
	asleep atomic.Uint32 // set by the consumer, cleared by who wakes it (S)
	spins  int
	token  chan struct{}
	wake   func()
}

// NewSignal returns a Signal that parks a goroutine.
func NewSignal() *Signal {
	s := &Signal{token: make(chan struct{}, 1)}
	s.wake = s.drop
	if runtime.GOMAXPROCS(0) > 1 {
		s.spins = spinRounds
	}
	return s
}

// NewSignalFunc returns a Signal for a consumer that sleeps in a way of its own,
// such as epoll_wait: it calls Arm, looks at its rings once more, sleeps, and
// calls Disarm. wake has to end that sleep, or the next; it is called by
// producers, at most once for each Arm, and must not block. Wait must not be used.
func NewSignalFunc(wake func()) *Signal {
	return &Signal{wake: wake}
}

func (s *Signal) drop() {
	select {
	case s.token <- struct{}{}:
	default: // a token that nobody took yet does as well
	}
}

// Arm announces that the consumer is about to sleep. It has to look at its rings
// after Arm: what is pushed later wakes it, what was pushed before is there.
func (s *Signal) Arm() { s.asleep.Store(1) }

// Disarm announces that the consumer is awake.
func (s *Signal) Disarm() { s.asleep.Store(0) }

// Notify wakes the consumer if it sleeps. Producers do so by themselves.
func (s *Signal) Notify() {
	if s.asleep.CompareAndSwap(1, 0) {
		s.wake()
	}
}

// Wait returns nil when ready reports true, and ctx.Err() when ctx ends first.
// ready must become true by a push, by Close or by something followed by Notify.
func (s *Signal) Wait(ctx context.Context, ready func() bool) error {
	for range s.spins {
		if ready() {
			return nil
		}
		pause(pauseLoops)
	}
	for {
		s.Arm() // S
		if ready() {
			s.Disarm()
			return nil
		}
		select {
		case <-s.token:
		case <-ctx.Done():
			s.Disarm()
			return ctx.Err()
		}
	}
}

// Wait blocks until an element is queued, and returns nil then. It returns
// ErrClosed when the ring is closed and drained, and ctx.Err() when ctx ends
// first. It lets go of the last claim.
func (r *Ring[T]) Wait(ctx context.Context) error {
	r.Release()
	if err := r.signal.Wait(ctx, r.ready); err != nil {
		return err
	}
	if r.empty() && r.closed.Load() && r.empty() {
		return ErrClosed
	}
	return nil
}

func (r *Ring[T]) empty() bool {
	h := position(r.head.Load())
	return int64(r.tail.Load()-h) <= 0
}

func (r *Ring[T]) ready() bool { return !r.empty() || r.closed.Load() }

// Batches returns an iterator over what is pushed, in batches as Claim returns
// them. It waits when the ring is empty, and ends when the ring is closed and
// drained, or with ctx.
func (r *Ring[T]) Batches(ctx context.Context) iter.Seq[Batch[T]] {
	return func(yield func(Batch[T]) bool) {
		defer r.Release()
		done := ctx.Done()
		idle := 0
		for {
			select {
			case <-done:
				return
			default:
			}
			b := r.Claim(int(r.slotMask + 1))
			if len(b.Items) == 0 && b.Lost == 0 {
				if idle++; idle <= r.signal.spins {
					pause(Pause)
					continue
				}
				if r.Wait(ctx) != nil {
					return
				}
				continue
			}
			idle = 0
			if !yield(b) {
				return
			}
			if r.taken == r.tailSeen && r.found < Little {
				pause(Pause)
			}
		}
	}
}

var Pause = 320
var Little uint64 = 16
