package agent

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// moves are the changes of state that may be. An agent that is shutting down stays so.
var moves = map[control.AgentState][]control.AgentState{
	control.Loading:       {control.Ready, control.StartupFailed, control.ShuttingDown},
	control.Ready:         {control.Steady, control.ShuttingDown},
	control.Steady:        {control.ShuttingDown},
	control.StartupFailed: {control.Ready, control.ShuttingDown},
}

// moveError is a change of state that may not be.
type moveError struct{ from, to control.AgentState }

func (e *moveError) Error() string {
	return fmt.Sprintf("agent: it is %s, and cannot become %s", e.from, e.to)
}

// lifecycle is where the agent is in its life. Safe for concurrent use.
type lifecycle struct {
	// publish is called with each change, in order, and must not call the lifecycle.
	publish func(control.Orchestration)
	// openTimeout is how long a collector that runs may take to open its source before it is
	// not waited for any more.
	openTimeout time.Duration

	mu  sync.Mutex
	now control.Orchestration // guarded by mu
}

func newLifecycle(openTimeout time.Duration, publish func(control.Orchestration)) *lifecycle {
	return &lifecycle{publish: publish, openTimeout: openTimeout, now: control.Orchestration{State: control.Loading, Since: time.Now()}}
}

// state returns where the agent is.
func (l *lifecycle) state() control.Orchestration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// move changes the state. It fails with a *moveError when that may not be.
func (l *lifecycle) move(to control.AgentState, reason string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moveLocked(to, reason)
}

func (l *lifecycle) moveLocked(to control.AgentState, reason string) error {
	if !slices.Contains(moves[l.now.State], to) {
		return &moveError{l.now.State, to}
	}
	l.now = control.Orchestration{State: to, Since: time.Now(), Reason: reason, BeginMonitoring: to == control.Steady || to == control.StartupFailed}
	l.publish(l.now)
	return nil
}

// began publishes the first state.
func (l *lifecycle) began() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publish(l.now)
}

// collectors follows a change of the collectors. registered is set where one has just
// registered, which has to learn the state as well. It reports whether the start is
// decided: each collector that the agent starts has its source open or has had the time for
// it, or has ended without.
func (l *lifecycle) collectors(all []control.CollectorStatus, registered bool) (decided bool) {
	waiting, failed := false, ""
	for _, c := range all {
		switch {
		case c.External: // nobody knows when its user starts it
		case c.State == control.CollectorRunning && c.Opening && time.Since(c.Since) < l.openTimeout:
			waiting = true
		case c.State == control.CollectorRunning || c.State == control.CollectorPaused:
		case c.State == control.CollectorStopped && !c.Since.IsZero(): // by an operator, or it would be about to start
		case c.LastExit == "":
			waiting = true
		case failed == "":
			failed = c.Name + ": " + c.LastExit
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.now.State == control.Steady || l.now.State == control.ShuttingDown:
		if registered {
			l.publish(l.now)
		}
		return true
	case waiting:
		return false
	case failed != "":
		if l.moveLocked(control.StartupFailed, failed) != nil && registered { // it was that already
			l.publish(l.now)
		}
		return true
	}
	if l.moveLocked(control.Ready, "") == nil {
		_ = l.moveLocked(control.Steady, "") // from ready it always can
	}
	return true
}
