package e2e

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/report"
)

// Spec is one measurement. With a Rate it is an open loop that measures latency;
// without, a stream that measures throughput.
type Spec struct {
	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"`
	Size        int `json:"size"`
	// Rate is the messages a second of all publishers together; 0 is a stream.
	Rate float64 `json:"rate"`
	// Window is the most messages of a stream that are on their way to one subscriber; 0
	// is no window, it floods.
	Window   int           `json:"window"`
	Budget   time.Duration `json:"budget"` // latency that the system may spend on larger batches
	Collect  time.Duration `json:"collect"`
	Warmup   time.Duration `json:"warmup"`
	Measured time.Duration `json:"measured"`
}

// DefaultWindow returns the window for messages of a size: 900 messages, so that
// nothing is lost in a queue of the broker's default capacity, 1000, but at most 8
// MiB, so that large messages don't measure how fast memory can be filled.
func DefaultWindow(size int) int { return max(16, min(900, (8<<20)/size)) }

// acks is how many acknowledgements share a window. With one alone, publisher and
// subscriber would take turns; with many, the acknowledgements themselves would be
// the load.
const acks = 4

// share is the window of one publisher: together they keep to the window.
func (s Spec) share() uint64 {
	if s.Window == 0 {
		return 0
	}
	return uint64(max(1, s.Window/s.Publishers))
}

// every is how many messages a subscriber takes from a publisher before it
// acknowledges.
func (s Spec) every() uint64 {
	if s.Window == 0 {
		return uint64(DefaultWindow(s.Size) / acks)
	}
	return max(1, s.share()/acks)
}

// Fan names the numbers of publishers and subscribers, as "1→4".
func (s Spec) Fan() string { return fmt.Sprintf("%d→%d", s.Publishers, s.Subscribers) }

// String names the measurement: "128 B 1→4", "128 B 1→1 at 10 k/s".
func (s Spec) String() string {
	text := report.Bytes(int64(s.Size)) + " " + s.Fan()
	if s.Rate > 0 {
		text += " at " + report.Count(s.Rate) + "/s"
	}
	return text
}

// Keys names the measurement for a benchmark, as benchstat reads it:
// "pubs=1/subs=4/size=128", of an open loop with "/rate=10000". The budget is not in
// it, see BudgetKey.
func (s Spec) Keys() string {
	keys := fmt.Sprintf("pubs=%d/subs=%d/size=%d", s.Publishers, s.Subscribers, s.Size)
	if s.Rate > 0 {
		keys += fmt.Sprintf("/rate=%g", s.Rate)
	}
	return keys
}

// BudgetKey names the latency budget: "budget=500us".
func (s Spec) BudgetKey() string { return fmt.Sprintf("budget=%dus", s.Budget.Microseconds()) }

func (s Spec) config(dir string, index int) Config {
	return Config{
		Dir: dir, Index: index,
		Publishers: s.Publishers, Subscribers: s.Subscribers,
		Size: s.Size, Window: s.Window, Budget: s.Budget,
	}
}

func (s Spec) check() error {
	switch {
	case s.Publishers < 1 || s.Subscribers < 1:
		return fmt.Errorf("e2e: %d publishers and %d subscribers: at least one of each is needed", s.Publishers, s.Subscribers)
	case s.Size < load.StampSize:
		return fmt.Errorf("e2e: message size %d: at least %d", s.Size, load.StampSize)
	case s.Rate < 0 || s.Window < 0:
		return fmt.Errorf("e2e: rate %g, window %d: neither may be negative", s.Rate, s.Window)
	case s.Window > 0 && s.Window < s.Publishers:
		return fmt.Errorf("e2e: window %d for %d publishers: at least one message each", s.Window, s.Publishers)
	}
	return nil
}
