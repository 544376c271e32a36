package bus

import (
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
)

// What the broker should reach, beside the floors and by itself. The floor of rates is
// the batched relay, that of latency and CPU the relay as usually written (package
// floor).

// RateAim is the share of the batched relay's throughput that the broker should reach;
// 0 is no aim.
func RateAim(publishers, subscribers, size int) float64 {
	switch {
	case size == 128:
		return 0.85
	case publishers > 1:
		return 0.6
	case size == 16384:
		return 1.2
	case subscribers > 1:
		return 0.75
	}
	return 0
}

// What a steady load of 10,000 messages a second should take, sent at once, and by a
// publisher that spends a latency budget of 500 µs.
var (
	SteadyAim   = e2e.Aim{P50: 0.7, P99: 1.5, CPU: 0.4}
	BudgetedAim = e2e.Aim{Below: 600 * time.Microsecond, CPU: 0.35}
)

const (
	// BudgetAim is the share of its throughput without a latency budget that a
	// stream of large messages should reach with one.
	BudgetAim = 0.95

	// ConnectionAim is how many bytes an idle connection with a subscription may cost.
	ConnectionAim = 9 << 10

	// The ring's speed as multiples of a channel's, element by element and in
	// batches of 64.
	RingSinglyAim = 6
	RingBy64Aim   = 27
)
