// Package lifecycle is where the agent is in its life, from loading to shutting down.
package lifecycle

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

// MoveError is a change of state that may not be.
type MoveError struct{ From, To control.AgentState }

// Error implements error.
func (e *MoveError) Error() string {
	return fmt.Sprintf("agent: it is %s, and cannot become %s", e.From, e.To)
}

// Lifecycle is where the agent is in its life. Safe for concurrent use.
type Lifecycle struct {
	// publish is called with each change, in order, and must not call the lifecycle.
	publish func(control.Orchestration)
	// openTimeout is how long a collector that runs may take to open its source before it is
	// not waited for any more.
	openTimeout time.Duration

	mu  sync.Mutex
	now control.Orchestration // guarded by mu
}

// New begins one that is loading. A collector that runs may take openTimeout to open its
// source. publish is called with each change, in order, and must not call the lifecycle.
func New(openTimeout time.Duration, publish func(control.Orchestration)) *Lifecycle {
	return &Lifecycle{publish: publish, openTimeout: openTimeout, now: control.Orchestration{State: control.Loading, Since: time.Now()}}
}

// State returns where the agent is.
func (l *Lifecycle) State() control.Orchestration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Move changes the state. It fails with a *MoveError when that may not be.
func (l *Lifecycle) Move(to control.AgentState, reason string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moveLocked(to, reason)
}

func (l *Lifecycle) moveLocked(to control.AgentState, reason string) error {
	if !slices.Contains(moves[l.now.State], to) {
		return &MoveError{l.now.State, to}
	}
	l.now = control.Orchestration{State: to, Since: time.Now(), Reason: reason, BeginMonitoring: to == control.Steady || to == control.StartupFailed}
	l.publish(l.now)
	return nil
}

// Publish publishes the state as it is.
func (l *Lifecycle) Publish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publish(l.now)
}

// Collectors follows a change of the collectors. registered is set where one has just
// registered, which has to learn the state as well. It reports whether the start is
// decided: each collector that the agent starts has its source open or has had the time for
// it, or has ended without.
func (l *Lifecycle) Collectors(all []control.CollectorStatus, registered bool) (decided bool) {
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
