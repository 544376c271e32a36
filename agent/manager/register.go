package manager

import (
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// Session is the connection of a process, as the broker knows it.
type Session struct {
	Source uint32
	PID    int
	// Name is what policy admitted it as.
	Name string
}

// ErrUnwanted is why an external collector is not taken for the moment.
var ErrUnwanted = errors.New("manager: an operator has stopped the collector")

// Register notes that a collector is ready. It fails when the session is not of the
// collector's own process. connected reports whether the broker still has a session: an
// external collector may register by another process when the one before has gone.
func (m *Manager) Register(s Session, r control.Registration, connected func(source uint32) bool) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.children[r.Collector]
	if c == nil || c.removed {
		return fmt.Errorf("%w: %q", ErrUnknown, r.Collector)
	}
	if c.spec.External != nil {
		if err := m.admit(c, s, connected); err != nil {
			return err
		}
	} else if c.pid != s.PID || s.PID == 0 {
		return fmt.Errorf("manager: collector %s runs as pid %d, not as pid %d", c.name, c.pid, s.PID)
	}
	now := time.Now()
	if c.session != s.Source {
		c.latest = s.Source
		c.session, c.emitted, c.lastEvent, c.began = s.Source, 0, time.Time{}, now
	}
	c.source, c.opening = r.Source, r.Opening
	m.take(c, life.Event{Kind: life.Registered, Paused: r.State == control.CollectorPaused})
	return nil
}

// admit decides on the registration of an external collector.
func (m *Manager) admit(c *child, s Session, connected func(uint32) bool) error {
	if s.Name != c.name {
		return fmt.Errorf("manager: the process may not be collector %s", c.name)
	}
	if c.life.Wish == life.ToStop {
		return ErrUnwanted
	}
	if c.session != 0 && c.session != s.Source {
		if connected(c.session) && c.life.State == life.Running {
			return fmt.Errorf("manager: collector %s runs as pid %d already", c.name, c.pid)
		}
		m.take(c, life.Event{Kind: life.Deregistered, Reason: "another process has taken its place"})
	}
	c.pid = s.PID
	return nil
}

// Deregister notes that the collector of a session is about to end, and why, or that the
// session has ended.
func (m *Manager) Deregister(source uint32, reason string) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.bySession(source)
	if c == nil {
		return ErrUnknown
	}
	m.deregister(c, reason)
	return nil
}

// ErrOwn means that a collector is a process of the agent, which stops it instead.
var ErrOwn = errors.New("manager: only an external collector can be deregistered; the agent's own is stopped")

// Dismiss deregisters an external collector, and why, until it registers again.
func (m *Manager) Dismiss(name, reason string) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.children[name]
	switch err := m.refusal(c); {
	case err != nil:
		return err
	case c.spec.External == nil:
		return ErrOwn
	case c.session == 0:
		return c.stateError()
	}
	m.deregister(c, reason)
	return nil
}

func (m *Manager) deregister(c *child, reason string) {
	c.session = 0
	if c.spec.External != nil {
		c.pid = 0
	}
	m.take(c, life.Event{Kind: life.Deregistered, Reason: reason})
}

// bySession returns the collector that is registered in a session, nil for none.
func (m *Manager) bySession(source uint32) *child {
	for _, c := range m.children {
		if c.session == source && source != 0 {
			return c
		}
	}
	return nil
}

// Registered returns the collector that is registered in a session, or was before it ended
// and has not registered in another one since.
func (m *Manager) Registered(source uint32) (name string, ok bool) {
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, c := range m.children {
		if c.latest == source && source != 0 {
			return c.name, true
		}
	}
	return "", false
}

// Gone deregisters the collectors whose session connected does not have any more, with that
// reason. ending reports whether a process ends by itself: of that the manager learns how.
func (m *Manager) Gone(connected func(source uint32) bool, ending func(pid int) bool, reason string) {
	m.acting.Lock()
	defer m.acting.Unlock()
	for _, c := range m.children {
		if c.session == 0 || connected(c.session) || c.process != nil && ending(c.pid) {
			continue
		}
		m.deregister(c, reason)
	}
}

// Beat notes a heartbeat of the collector that is registered in a session. One of any other
// session counts for nothing.
func (m *Manager) Beat(source uint32, h control.Heartbeat) {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.bySession(source)
	if c == nil {
		return
	}
	collecting := h.Emitted > c.emitted
	c.emitted, c.filtered, c.opening = h.Emitted, h.Filtered, h.Opening
	if h.LastEvent > 0 {
		// Its age counts, so that setting the clock moves nothing.
		now := time.Now()
		c.lastEvent = now.Add(-max(now.Sub(time.Unix(0, h.LastEvent)), 0))
	}
	m.take(c, life.Event{Kind: life.Beaten, Paused: h.State == control.CollectorPaused, Collecting: collecting})
}
