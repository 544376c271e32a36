package agent

import (
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/router"
)

// historyLength is how many statistics, one every checkInterval, make a minute.
const historyLength = int(time.Minute / checkInterval)

// statsHistory keeps the broker's statistics of the last minute, so that changes
// over a known time can be judged. The zero statsHistory is ready for use.
//
// Safe for concurrent use.
type statsHistory struct {
	mu  sync.Mutex
	all []router.Stats // guarded by mu; oldest first
}

// add adds the newest statistics, which are to come every checkInterval. It keeps
// the counters only.
func (h *statsHistory) add(s router.Stats) {
	s.Clients, s.Subscriptions = nil, slices.Clone(s.Subscriptions)
	for i := range s.Subscriptions {
		s.Subscriptions[i].Patterns, s.Subscriptions[i].DroppedBy = nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, s)
	if over := len(h.all) - historyLength; over > 0 {
		h.all = h.all[over:]
	}
}

// lastMinute returns how the last minute began, nil as long as the history is
// shorter.
func (h *statsHistory) lastMinute() *health.Minute {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.all)
	if n < historyLength {
		return nil
	}
	return &health.Minute{Began: h.all[0], Settled: h.all[n-2]} // the newest may be of just now
}

// without returns s without one client.
func without(s router.Stats, source uint32) router.Stats {
	s.Clients = slices.DeleteFunc(slices.Clone(s.Clients), func(c router.ClientStats) bool { return c.Source == source })
	return s
}
