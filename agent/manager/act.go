package manager

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// now reads the clock. acting is held.
func (m *Manager) now() time.Duration {
	now, stood := m.clock.Read(time.Now())
	if stood > 0 {
		m.o.Logger.Info("agent stood still", "for", stood)
		for _, c := range m.children {
			c.life.Anew(now)
		}
	}
	return now
}

// take has the collector's life take what happened, and does what follows. acting is held.
func (m *Manager) take(c *child, e life.Event) {
	if m.over {
		return
	}
	now := m.now()
	for _, a := range c.life.Step(now, e) {
		m.do(c, a)
	}
	if c.life.State == life.Stopped && c.process == nil {
		switch {
		case c.replaceBy != nil && !c.removed:
			s := *c.replaceBy
			fresh := m.newChild(s)
			fresh.wishes, fresh.waiters = c.wishes, c.waiters
			m.children[c.name] = fresh
			m.begin(fresh)
			m.show()
			m.alarm()
			return
		case c.removed:
			delete(m.children, c.name)
		}
	}
	m.changed(c, now)
	c.settle()
	m.alarm()
}

// changed shows the collector as it is now, and calls Changed if that is something else
// than before.
func (m *Manager) changed(c *child, now time.Duration) {
	if c.life.State == life.Starting && c.pid == 0 {
		return // its process is about to be started
	}
	s := c.status(now)
	if s.State != c.shown.State {
		c.since = time.Now()
		s.Since = c.since
	}
	before := c.shown
	before.NextTry, before.Since, before.Filtered = s.NextTry, s.Since, s.Filtered
	if before == s {
		if c.shown.Filtered != s.Filtered { // a figure, and no change
			c.shown.Filtered = s.Filtered
			m.show()
		}
		return
	}
	c.shown = s
	m.show()
	if m.o.Changed != nil && m.starter != nil { // before Run there is nobody to learn of it
		m.o.Changed(s)
	}
}

// show replaces what other goroutines see. acting is held.
func (m *Manager) show() {
	view := make([]control.CollectorStatus, 0, len(m.children))
	pids, ext := make(map[int]string, len(m.children)), map[string]external{}
	for _, name := range slices.Sorted(maps.Keys(m.children)) {
		c := m.children[name]
		view = append(view, c.shown)
		if c.process != nil && c.pid != 0 {
			pids[c.pid] = name
		}
		if c.spec.External != nil && !c.removed {
			ext[name] = external{*c.spec.External, c.pid}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view, m.pids, m.ext = view, pids, ext
}

// do does one thing that a collector's life asks for. It never waits. acting is held.
func (m *Manager) do(c *child, a life.Action) {
	switch a.Do {
	case life.Spawn:
		m.spawn(c)
	case life.Check, life.Pause, life.Resume:
		m.call(c, a)
	case life.Terminate:
		if c.spec.External != nil {
			m.call(c, a)
		} else if c.process != nil {
			c.process.terminate()
		}
	case life.Kill:
		if c.process != nil {
			c.process.kill()
		}
	case life.Note:
		m.note(c, a.Reason)
	case life.Announce:
		m.announce(c)
	case life.Forget:
		c.began = time.Now()
	case life.WarnEnded:
		c.log.Warn("collector ended", "exit", a.Reason, "restart_in", a.Wait)
	case life.WarnGaveUp:
		c.log.Error("collector given up", "restarts", c.life.Restarts, "exit", a.Reason, "tried_again_in", a.Wait)
	case life.WarnSilent:
		c.log.Warn("collector does not respond", "reason", a.Reason)
	case life.WarnKilled:
		c.log.Warn("collector killed", "reason", a.Reason)
	case life.WarnStuck:
		c.log.Warn("collector cannot be killed", "pid", c.pid)
	}
}

// call asks the collector on a goroutine of its own, which ends within a.Wait.
func (m *Manager) call(c *child, a life.Action) {
	ctx := m.ctx
	m.calls.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, a.Wait)
		defer cancel()
		e := life.Event{Kind: life.Answered, Call: a.Call}
		if err := m.ask(ctx, c.name, a.Do); err != nil {
			e.Kind, e.Reason = life.NotAnswered, err.Error()
		}
		m.acting.Lock()
		defer m.acting.Unlock()
		if a.Do != life.Terminate {
			m.take(c, e)
		}
	})
}

func (m *Manager) ask(ctx context.Context, name string, what life.Do) error {
	if m.o.Caller == nil {
		return errNobodyAsks
	}
	switch what {
	case life.Pause:
		return m.o.Caller.Pause(ctx, name)
	case life.Resume:
		return m.o.Caller.Resume(ctx, name)
	case life.Terminate:
		return m.o.Caller.Shutdown(ctx, name)
	}
	return m.o.Caller.Check(ctx, name)
}

// note notes that events of the collector are missed from the last one on.
func (m *Manager) note(c *child, reason string) {
	since := c.lastEvent
	if since.Before(c.began) {
		since = c.began
	}
	c.noted = Missed{Collector: c.name, Reason: reason, Since: since}
	if m.o.Missed != nil {
		m.o.Missed(c.noted)
	}
}

// announce reports that what was noted is over.
func (m *Manager) announce(c *child) {
	c.noted.Until = time.Now()
	c.began = c.noted.Until // what was missed before is announced
	if m.o.Missed != nil {
		m.o.Missed(c.noted)
	}
}
