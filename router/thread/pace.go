package thread

import "time"

// Pace decides when the routing thread rests, within the latency budget. While turns with
// work follow each other closely, the thread rests between them, so that messages which come
// meanwhile are handled in one turn. Sparse traffic is never delayed. Nor is traffic that is
// merged already: publishers that spend a budget themselves, or write large batches. Within a
// budget of such a batch come its rest and what its subscribers answer, and those wait for
// nothing more: a stream of 2 KiB messages reached 0.68 of its throughput without a budget
// when what is left of a window had the thread rest, and reaches all of it now (make bench,
// BudgetStreams).
type Pace struct {
	budget int64 // ns; 0 never rests

	last    int64 // when the last turn with work began
	dense   int64 // when the last large batch came that no rest had merged
	resting bool  // the thread rests after each turn, as long as there is work after each rest
	rests   int   // how many in a row
	probing bool  // there was no rest before the last turn, so the next interval is measured
}

const (
	// denseTurn is how many messages make a turn a large batch, and denseBytes how many
	// bytes. Without a bound in bytes a stream of 16 KiB messages, of which a turn brings
	// 16, rested after each turn: 14,000 messages a second instead of 70,000 (make bench,
	// BudgetStreams).
	denseTurn  = 64
	denseBytes = 16 << 10
	// After probeAfter rests in a row there is no rest for two turns, to measure how
	// closely they follow each other.
	probeAfter = 16
)

// NewPace returns a Pace with a budget. 0 never rests.
func NewPace(budget time.Duration) *Pace { return &Pace{budget: int64(budget)} }

// Turn records a turn with work, which began at now and routed n messages of size bytes
// together. It returns how long after the beginning of that turn the next one may begin.
func (p *Pace) Turn(now int64, n, size uint64) time.Duration {
	if p.budget == 0 {
		return 0
	}
	interval := now - p.last
	p.last = now
	switch {
	case n >= denseTurn || size >= denseBytes:
		if !p.resting {
			p.dense = now
		}
		p.resting, p.probing = false, false
		return 0
	case now-p.dense < p.budget:
		p.resting, p.probing = false, false
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

// Idle records a turn without work. After a rest it means that the traffic is no longer dense.
func (p *Pace) Idle() {
	if p.resting {
		p.resting, p.probing = false, false
	}
}
