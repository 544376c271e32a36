package ring

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

const (
	pauseLoops = 320 // about 100 ns on a processor of 3 GHz
	spinRounds = 10  // pauses before a consumer parks
)

// pause keeps the processor busy without touching memory that others use.
//
//go:noinline
func pause(loops int) {
	for range loops {
	}
}

// Signal is where a consumer sleeps until a producer wakes it. Rings that one
// goroutine consumes can share a Signal, so that it waits for all of them at once.
// NewSignal and NewSignalFunc make one; the zero value is none.
//
// Notify is safe for concurrent use. The other methods belong to the consumer, one
// goroutine at a time.
type Signal struct {
	asleep atomic.Bool // set by the consumer, cleared by whoever wakes it (S)

	// Immutable after New.
	wake  func()
	token chan struct{} // holds at most one wake-up that was not used yet
	spins int

	_ cpu.CacheLinePad // producers look at asleep with every push
}

// NewSignal returns a Signal on which a goroutine can Wait.
func NewSignal() *Signal {
	s := &Signal{token: make(chan struct{}, 1)}
	s.wake = s.leaveToken
	if runtime.GOMAXPROCS(0) > 1 {
		s.spins = spinRounds // with one processor the producer could not run meanwhile
	}
	return s
}

// NewSignalFunc returns a Signal for a consumer that sleeps in a way of its own, say
// in epoll_wait. In place of Wait and Batches it calls Arm, looks at its rings once more, sleeps,
// and calls Disarm. A producer calls wake at most once for each Arm; wake has to end
// the sleep that follows, or the one that has begun, and must not block.
func NewSignalFunc(wake func()) *Signal { return &Signal{wake: wake} }

func (s *Signal) leaveToken() {
	select {
	case s.token <- struct{}{}:
	default: // the one that lies there will do
	}
}

// Arm says that the consumer is about to sleep. It has to look at its rings after
// that: what it does not see then will wake it.
func (s *Signal) Arm() { s.asleep.Store(true) } // S

// Disarm says that the consumer is awake.
func (s *Signal) Disarm() { s.asleep.Store(false) }

// Notify wakes the consumer if it sleeps. Rings do so by themselves, when something
// is pushed and when they are closed.
func (s *Signal) Notify() {
	if s.asleep.CompareAndSwap(true, false) { // S
		s.wake()
	}
}

// Wait blocks until ready returns true, and returns nil then, or until ctx ends, and
// returns ctx.Err(). It is for a consumer that has just found its rings empty: it
// spins for about a microsecond and then parks. Whatever makes ready true has to be
// followed by Notify. On a Signal that NewSignal did not make, Wait panics.
func (s *Signal) Wait(ctx context.Context, ready func() bool) error {
	if s.token == nil {
		panic("ring: Wait on a Signal that calls a function instead: nothing would end it")
	}
	for range s.spins {
		pause(pauseLoops)
		if ready() {
			return nil
		}
	}
	for {
		s.Arm()
		if ready() { // what came before Arm is seen here, what comes later sees asleep
			s.Disarm()
			return nil
		}
		select {
		case <-s.token: // perhaps left over from an earlier Arm: look again
		case <-ctx.Done():
			s.Disarm()
			return ctx.Err()
		}
	}
}

// Wait blocks until something is queued, and returns nil then. It returns ErrClosed
// when the ring is closed and drained, and ctx.Err() when ctx ends first. After
// ErrClosed one more Claim may still have a Lost: what was evicted last. A ring whose
// Signal comes from NewSignalFunc has no Wait, and no Batches: both panic,
// at the latest where they would sleep.
func (r *Ring[T]) Wait(ctx context.Context) error {
	r.Release()
	if position(r.head.Load()) < r.tailSeen {
		return nil
	}
	if err := r.signal.Wait(ctx, r.ready); err != nil {
		return err
	}
	if r.closed.Load() && r.empty() { // C before W: nothing can follow
		return ErrClosed
	}
	return nil
}

func (r *Ring[T]) ready() bool { return !r.empty() || r.closed.Load() }
