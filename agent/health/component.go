package health

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

// Facts are what the checks of one moment look at.
type Facts struct {
	Now time.Time
	// Broker is a snapshot that was taken in the broker's own process. The client that
	// asks for the verdict is not in it, because the answer must not depend on the
	// question.
	Broker router.Stats
	// Minute is nil in the first minute.
	Minute *Minute
}

// Component is a part of the agent that can be judged.
type Component struct {
	Name string
	// Check returns how the part is. It does not wait. It need not set Since.
	Check func(*Facts) control.Health
}

// Components are all parts of an agent. The zero Components has none.
//
// Safe for concurrent use.
type Components struct {
	mu    sync.Mutex
	fixed []Component               // guarded by mu
	last  map[string]control.Health // guarded by mu; the verdicts of the last call of Judge
}

// Register adds a part for good, under a name that no other part has.
func (c *Components) Register(p Component) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = append(c.fixed, p)
}

// Judge checks all parts, and those of now, which may come and go. A verdict is since
// the first call that found the part in that state.
func (c *Components) Judge(f *Facts, now ...Component) map[string]control.Health {
	c.mu.Lock()
	parts := slices.Concat(c.fixed, now)
	c.mu.Unlock()
	all := make(map[string]control.Health, len(parts))
	for _, p := range parts {
		all[p.Name] = p.Check(f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, h := range all {
		if before, ok := c.last[name]; ok && before.State == h.State && h.Since.IsZero() {
			h.Since = before.Since
		}
		if h.Since.IsZero() {
			h.Since = f.Now
		}
		all[name] = h
	}
	c.last = maps.Clone(all)
	return all
}

// Worst returns the worst of parts, the first by name where several are. All that are
// healthy are so since the last of them is.
func Worst(parts map[string]control.Health) control.Health {
	worst := control.Health{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		h := parts[name]
		switch {
		case h.State > worst.State:
			worst = control.Health{State: h.State, Reason: name + ": " + h.Reason, Since: h.Since}
		case worst.State == control.Healthy && h.Since.After(worst.Since):
			worst.Since = h.Since
		}
	}
	return worst
}
