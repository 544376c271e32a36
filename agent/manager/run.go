package manager

import (
	"context"
	"errors"
	"time"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

// lateOutput is how long after the end of a process others may keep its output open.
const lateOutput = 2 * time.Second

// errNobodyAsks is the answer of a collector that cannot be asked.
var errNobodyAsks = errors.New("nobody asks it")

// Run runs the collectors, which connect to socket, until ctx ends, and returns when the last
// of their processes has ended, or cannot be killed. External collectors go on. Run may be
// called once.
func (m *Manager) Run(ctx context.Context, socket string) {
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	s := newStarter()
	go s.run() // awaited by close
	m.acting.Lock()
	m.socket, m.ctx, m.running, m.starter = socket, calls, true, s
	for _, c := range m.children {
		m.begin(c)
	}
	m.acting.Unlock()
	m.watch(ctx, func() bool { return false })
	m.acting.Lock()
	m.running = false
	for _, c := range m.children {
		if c.spec.External == nil {
			m.take(c, life.Event{Kind: life.Wished, Wish: life.ToStop})
		}
		c.fail(ErrEnding)
	}
	m.acting.Unlock()
	m.watch(context.WithoutCancel(ctx), m.isOver)
	m.acting.Lock()
	m.over = true
	m.acting.Unlock()
	stopCalls()
	m.calls.Wait()
	s.close()
}

// isOver reports whether no process is there that can be ended. acting is held.
func (m *Manager) isOver() bool {
	for _, c := range m.children {
		if c.process != nil && c.life.State != life.Stuck {
			return false
		}
	}
	return true
}

// watch gives the collectors' lives the time, until ctx ends or over returns true.
func (m *Manager) watch(ctx context.Context, over func() bool) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		var moved chan struct{} // to be closed behind this turn
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-m.wake:
		case moved = <-m.probes:
		}
		m.acting.Lock()
		if over() {
			m.acting.Unlock()
			return
		}
		next := m.tick()
		m.acting.Unlock()
		if moved != nil {
			close(moved)
		}
		t.Reset(next)
	}
}

// Move returns when the manager has given the time to all collectors' lives once more, or
// when ctx ends, with its error. So it shows that a manager which runs is not stuck.
func (m *Manager) Move(ctx context.Context) error {
	moved := make(chan struct{})
	select {
	case m.probes <- moved:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tick gives the time to the lives that wait for it, and returns when to come again. acting
// is held.
func (m *Manager) tick() time.Duration {
	now := m.now()
	for _, c := range m.children {
		if at, ok := c.life.Next(); ok && at <= now {
			m.take(c, life.Event{Kind: life.Tick})
		}
	}
	next := life.MaxStep / 2
	for _, c := range m.children {
		if at, ok := c.life.Next(); ok {
			next = min(next, at-now)
		}
	}
	return max(next, time.Millisecond)
}

// alarm has watch look when to come again. acting is held.
func (m *Manager) alarm() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
