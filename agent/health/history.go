package health

import (
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// Interval is the time between two statistics that a History gets.
const Interval = 5 * time.Second

// historyLength is how many samples make a minute.
const historyLength = int(time.Minute / Interval)

// History keeps what was counted for each subscription during the last minute, so that
// changes over a known time can be judged. The zero History is ready for use.
//
// Safe for concurrent use.
type History struct {
	mu  sync.Mutex
	all []sample // guarded by mu; oldest first
}

// sample has the counters of all subscriptions at one moment.
type sample map[key]counts

// key names a subscription as long as the broker runs.
type key struct {
	source uint32
	id     uint64
}

type counts struct{ matched, delivered, dropped uint64 }

func keyOf(s *router.SubStats) key { return key{s.Source, s.ID} }

func sampleOf(s *router.Stats) sample {
	all := make(sample, len(s.Subscriptions))
	for i := range s.Subscriptions {
		x := &s.Subscriptions[i]
		all[keyOf(x)] = counts{x.Matched, x.Delivered, x.Dropped}
	}
	return all
}

// Add adds the newest statistics, which are to come every Interval.
func (h *History) Add(s *router.Stats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, sampleOf(s))
	if over := len(h.all) - historyLength; over > 0 {
		h.all = slices.Delete(h.all, 0, over)
	}
}

// Minute is what was counted at two moments of the last minute. Immutable.
type Minute struct {
	began   sample // about a minute ago
	settled sample // some seconds ago: what was for a subscriber then has had its time
}

// LastMinute returns how the last minute began, nil as long as the history is
// shorter.
func (h *History) LastMinute() *Minute {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.all)
	if n < historyLength {
		return nil
	}
	return &Minute{began: h.all[0], settled: h.all[n-2]} // the newest may be of just now
}
