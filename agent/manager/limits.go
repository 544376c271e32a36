package manager

import (
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// Measured takes what the collectors take, which usage returns by pid, false where it is not
// known. It is to be called at intervals of seconds. A collector that takes more than its
// limits is warned about, and restarted when it goes on.
func (m *Manager) Measured(usage func(pid int) (control.Usage, bool)) {
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, c := range m.children {
		if c.pid == 0 || c.spec.Limits == (life.Limits{}) {
			continue
		}
		u, ok := usage(c.pid)
		if !ok {
			continue
		}
		v := c.excess.Measure(c.spec.Limits, u.CPUPercent, u.RSS)
		if v.Warn {
			c.log.Warn("collector takes too much", "reason", v.Reason)
		}
		if v.Restart {
			c.excess = life.Excess{}
			m.take(c, life.Event{Kind: life.Exceeded, Reason: v.Reason})
		}
	}
}
