package thread

// What a client has the routing thread compute is counted, in steps of about 10 ns, and
// bounded in each turn: TurnWork. The thread reads no more from a client that has spent its
// work, and goes on in the next turn. What a client makes beyond it, because a single
// message may cost more, is taken off its next turns.
//
// The steps are estimates, made before or after the work from what is known of it: the
// number of subscriptions that a message goes to, what their filters list, the bytes that
// are inflated. They were set by BenchmarkRoute, BenchmarkFilter and BenchmarkPast of
// package broker.

// TurnWork is how many steps a client may have the routing thread make in a turn: a third
// of a millisecond. A full read of messages of 128 bytes to four subscribers is a fifth of
// it, so such a stream is not cut.
const TurnWork = 1 << 15

// Work is the work of one client in steps. One goroutine at a time.
type Work struct{ steps int }

// Begin begins a turn. It returns false if the client still has to make up for what it did
// in earlier turns, and is not to be read from.
func (w *Work) Begin() bool {
	w.steps = max(0, w.steps-TurnWork)
	return w.steps < TurnWork
}

// Spent reports whether the client has made its work for this turn.
func (w *Work) Spent() bool { return w.steps >= TurnWork }

// Add counts steps.
func (w *Work) Add(steps int) { w.steps += steps }

// Steps returns the work that is not made up for.
func (w *Work) Steps() int { return w.steps }
