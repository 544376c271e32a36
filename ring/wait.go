package ring

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// pauseLoops is the length of a pause: about 100 ns on a processor of 3 GHz.
const pauseLoops = 320

// spinRounds is how many pauses a consumer spins before it parks. They let elements
// that are 0.3 or 1 µs apart arrive in 0.25 µs each; without them the consumer parks for
// each, and they take 19 and 34 µs. Where other work keeps every processor busy, the
// spinning delays the producer instead: an element goes to and fro in 3 µs, not 0.7.
const spinRounds = 10

// pause keeps the processor busy without touching memory that others use.
//
//go:noinline
func pause(loops int) {
	for range loops {
	}
}

// Signal is where a consumer sleeps until a producer wakes it. Rings that one
// goroutine consumes can share a Signal, so that it waits for all of them at once.
// NewSignal and NewSignalFunc make one; the zero Signal is not usable.
//
// Notify is safe for concurrent use. The other methods belong to the consumer, one
// goroutine at a time.
type Signal struct {
	asleep atomic.Bool // set by the consumer, cleared by the goroutine that wakes it (S)

	// Immutable after New.
	wake  func()
	token chan struct{} // holds at most one wake-up that was not used yet
	spins int

	_ cpu.CacheLinePad // producers load asleep with every push
}

// NewSignal returns a Signal on which a goroutine can Wait.
func NewSignal() *Signal {
	s := &Signal{token: make(chan struct{}, 1)}
	s.wake = s.sendToken
	if runtime.GOMAXPROCS(0) > 1 {
		s.spins = spinRounds // with one processor the producer could not run meanwhile
	}
	return s
}

// NewSignalFunc returns a Signal for a consumer that sleeps in a way of its own, say
// in epoll_wait. In place of Wait and Batches it calls Arm, checks its rings once more,
// sleeps, and calls Disarm. A producer calls wake at most once for each Arm; wake has to
// end the sleep that follows, or the one that has begun, and must not block.
func NewSignalFunc(wake func()) *Signal { return &Signal{wake: wake} }

func (s *Signal) sendToken() {
	select {
	case s.token <- struct{}{}:
	default: // there is one already, which is enough
	}
}

// Arm declares that the consumer is about to sleep. The consumer has to check its
// rings after that: a push that it does not see then will wake it.
func (s *Signal) Arm() { s.asleep.Store(true) } // S

// Disarm declares that the consumer is awake.
func (s *Signal) Disarm() { s.asleep.Store(false) }

// Notify wakes the consumer if it sleeps. A ring calls it when something is pushed and
// when it is closed.
func (s *Signal) Notify() {
	if s.asleep.CompareAndSwap(true, false) { // S
		s.wake()
	}
}

// Wait blocks until ready returns true, and returns nil then, or until ctx ends, and
// returns ctx.Err(). A consumer calls it when it has just found its rings empty: Wait
// spins for about a microsecond and then parks. The code that makes ready true has to
// call Notify afterwards. On a Signal that NewSignal did not make, Wait panics.
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
		if ready() { // it sees what came before Arm; what comes later sees asleep
			s.Disarm()
			return nil
		}
		select {
		case <-s.token: // perhaps left over from an earlier Arm: check again
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
func (c *Consumer[T]) Wait(ctx context.Context) error {
	c.mustBeMade()
	c.Release()
	if position(c.head.Load()) < c.cachedTail {
		return nil
	}
	if err := c.signal.Wait(ctx, c.ready); err != nil {
		return err
	}
	if c.closed.Load() && c.empty() { // C before W: nothing can follow
		return ErrClosed
	}
	return nil
}

// ready reports whether there is something to take, or nothing will follow.
func (s *shared[T]) ready() bool { return !s.empty() || s.closed.Load() }
