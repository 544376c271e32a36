package broker

import "time"

// pace spends the latency budget: while turns with work follow each other
// closely, the routing thread rests between them, so that what comes meanwhile
// is one turn and not many. Sparse traffic is never held back, and neither is
// traffic that is merged already: a turn that is a large batch of its own, or
// publishers that spend a budget themselves.
type pace struct {
	budget int64 // ns; 0 never rests

	last    int64 // when the last turn with work began
	resting bool  // rests, as long as there is work after each
	rests   int   // in a row
	probing bool  // the last turn came without a rest, so the next interval counts
}

const (
	// denseTurn is how many messages make a turn a large batch, and denseBytes how many
	// bytes. Without a bound in bytes a stream of 16 KiB messages, of which a turn brings
	// 16, rested after each turn: 14,000 messages a second instead of 70,000 (make bench,
	// BudgetStreams).
	denseTurn  = 64
	denseBytes = 16 << 10
	// probeAfter rests in a row two turns go without, to see how closely they
	// would follow each other.
	probeAfter = 16
)

// turn takes note of a turn with work, which began at now and routed n messages of
// together size bytes, and returns how long after its beginning the next one may begin.
func (p *pace) turn(now int64, n, size uint64) time.Duration {
	if p.budget == 0 {
		return 0
	}
	interval := now - p.last
	p.last = now
	switch {
	case n >= denseTurn || size >= denseBytes:
		p.resting, p.probing = false, true
		return 0
	case p.resting && p.rests < probeAfter:
		p.rests++
	case p.resting: // the interval to the next turn began somewhere in a rest
		p.resting, p.probing = false, false
		return 0
	case p.probing && interval < p.budget/2:
		p.resting, p.rests = true, 1
	default:
		p.probing = true
		return 0
	}
	return time.Duration(p.budget)
}

// idle takes note that there was nothing to do: after a rest that means that the
// traffic is not dense any more.
func (p *pace) idle() {
	if p.resting {
		p.resting, p.probing = false, false
	}
}
