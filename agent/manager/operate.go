package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// Errors of operations. StateError and StartError are the others.
var (
	// ErrUnknown means that there is no collector of that name.
	ErrUnknown = errors.New("manager: there is no such collector")
	// ErrSuperseded means that another operation changed the collector before this one was
	// done.
	ErrSuperseded = errors.New("manager: another operation has changed the collector meanwhile")
	// ErrEnding means that the agent ends.
	ErrEnding = errors.New("manager: the agent is ending")
	// ErrExternal means that the process is not the agent's.
	ErrExternal = errors.New("manager: the collector is a process of its own, which the agent neither starts nor kills")
)

// StateError means that the collector's state does not allow an operation.
type StateError struct{ State control.CollectorState }

func (e *StateError) Error() string { return "manager: the collector is " + string(e.State) }

// StartError means that the collector's process did not come to run. The manager goes on
// trying.
type StartError struct{ Reason string }

func (e *StartError) Error() string { return "manager: the collector does not run: " + e.Reason }

// waiter is an operation that waits for what it wished.
type waiter struct {
	wish int // it is void when the collector has another wish
	done func(*child) (bool, error)
	out  chan error
}

// settle lets the operations end that have what they wait for.
func (c *child) settle() {
	left := c.waiters[:0]
	for _, w := range c.waiters {
		ok, err := w.done(c)
		switch {
		case ok || err != nil:
			w.out <- err
		case w.wish != c.wishes:
			w.out <- ErrSuperseded
		default:
			left = append(left, w)
		}
	}
	c.waiters = left
}

// fail ends all operations.
func (c *child) fail(err error) {
	for _, w := range c.waiters {
		w.out <- err
	}
	c.waiters = nil
}

// operation is what an operator wishes of a collector.
type operation struct {
	// allowed refuses it; nil allows it.
	allowed func(*child) error
	event   life.Event
	done    func(*child) (bool, error)
}

// Result is what an operation came to.
type Result struct {
	Status control.CollectorStatus
	// Exit is how the collector's process ended last, and Killed that the manager killed it.
	Exit   string
	Killed bool
}

// operate carries out an operation and waits until it is done, or ctx ends. What was wished
// stays wished whatever the error, but for one of o.allowed.
func (m *Manager) operate(ctx context.Context, name string, o operation) (Result, error) {
	w := waiter{done: o.done, out: make(chan error, 1)}
	m.acting.Lock()
	c := m.children[name]
	err := m.refusal(c)
	if err == nil && o.allowed != nil {
		err = o.allowed(c)
	}
	if err != nil {
		m.acting.Unlock()
		return Result{}, err
	}
	c.wishes++
	c.settle() // those before are void
	w.wish = c.wishes
	o.event.Operator = true
	c.waiters = append(c.waiters, w)
	m.take(c, o.event)
	m.acting.Unlock()
	select {
	case err = <-w.out:
	case <-ctx.Done():
		err = ctx.Err()
	}
	m.acting.Lock()
	defer m.acting.Unlock()
	return Result{c.status(m.now()), c.how, c.killed}, err
}

func (m *Manager) refusal(c *child) error {
	switch {
	case c == nil || c.removed:
		return ErrUnknown
	case !m.running:
		return ErrEnding
	}
	return nil
}

func (c *child) stateError() error { return &StateError{states[c.life.State]} }

// runs reports whether the collector runs; the error means that it came to nothing.
func runs(c *child) (bool, error) {
	switch c.life.State {
	case life.Running:
		return true, nil
	case life.Waiting, life.GaveUp:
		return false, &StartError{c.life.Reason}
	}
	return false, nil
}

// Start has a collector run, and waits until it does. It fails with *StateError where it
// runs, or is about to, or is paused.
func (m *Manager) Start(ctx context.Context, name string) (Result, error) {
	return m.operate(ctx, name, operation{
		allowed: func(c *child) error {
			switch c.life.State {
			case life.Stopped, life.Waiting, life.GaveUp, life.Stopping, life.Killing, life.Stuck:
				return nil
			}
			return c.stateError()
		},
		event: life.Event{Kind: life.Wished, Wish: life.ToRun},
		done:  runs,
	})
}

// Stop has a collector end, in the time that within gives it, and waits until it has; 0 is
// the manager's own choice. It stays away until an operator starts it.
func (m *Manager) Stop(ctx context.Context, name string, within time.Duration) (Result, error) {
	return m.operate(ctx, name, operation{
		allowed: hasNotStopped,
		event:   life.Event{Kind: life.Wished, Wish: life.ToStop, Within: within},
		done:    hasStopped,
	})
}

// Kill is Stop without asking the process first.
func (m *Manager) Kill(ctx context.Context, name string) (Result, error) {
	return m.operate(ctx, name, operation{
		allowed: func(c *child) error {
			if c.spec.External != nil {
				return ErrExternal
			}
			return hasNotStopped(c)
		},
		event: life.Event{Kind: life.KillWished},
		done:  hasStopped,
	})
}

func hasNotStopped(c *child) error {
	if c.life.State == life.Stopped {
		return c.stateError()
	}
	return nil
}

func hasStopped(c *child) (bool, error) {
	if c.life.State == life.Stuck {
		return false, c.stateError()
	}
	return c.life.State == life.Stopped, nil
}

// Restart has a new process of a collector run, and waits until it does. One that was given
// up is started at once, and has all its restarts again.
func (m *Manager) Restart(ctx context.Context, name string) (Result, error) {
	before := 0
	return m.operate(ctx, name, operation{
		allowed: func(c *child) error { before = c.life.Processes; return nil },
		event:   life.Event{Kind: life.RestartWished, Reason: "an operator restarts it"},
		done: func(c *child) (bool, error) {
			if c.life.Processes == before {
				return false, nil
			}
			if c.life.State == life.Paused {
				return true, nil // as it was
			}
			return runs(c)
		},
	})
}

// Pause has a collector that runs stop to collect, and waits until it has.
func (m *Manager) Pause(ctx context.Context, name string) (Result, error) {
	return m.operate(ctx, name, operation{
		allowed: func(c *child) error {
			if c.life.State != life.Running {
				return c.stateError()
			}
			return nil
		},
		event: life.Event{Kind: life.Wished, Wish: life.ToPause},
		done: func(c *child) (bool, error) {
			switch {
			case c.life.State == life.Paused:
				return true, nil
			case c.life.Wish == life.ToRun: // it was asked and refused
				return false, fmt.Errorf("manager: %s", c.life.Reason)
			}
			return false, nil
		},
	})
}

// Resume has a collector that is paused collect again, and waits until it does.
func (m *Manager) Resume(ctx context.Context, name string) (Result, error) {
	return m.operate(ctx, name, operation{
		allowed: func(c *child) error {
			if c.life.State != life.Paused {
				return c.stateError()
			}
			return nil
		},
		event: life.Event{Kind: life.Wished, Wish: life.ToRun},
		done:  runs,
	})
}

// Process returns which of the processes of a collector is there, counted from 1; of an
// external one which of its registrations.
func (m *Manager) Process(name string) (int, error) {
	m.acting.Lock()
	defer m.acting.Unlock()
	c := m.children[name]
	if err := m.refusal(c); err != nil {
		return 0, err
	}
	return c.life.Processes, nil
}

// Await waits until a later process of a collector runs than the one that was before.
// It fails where nobody wants it to run, and where it was given up.
func (m *Manager) Await(ctx context.Context, name string, before int) error {
	out := make(chan error, 1)
	m.acting.Lock()
	c := m.children[name]
	if err := m.refusal(c); err != nil {
		m.acting.Unlock()
		return err
	}
	c.waiters = append(c.waiters, waiter{wish: c.wishes, out: out, done: func(c *child) (bool, error) {
		switch c.life.State {
		case life.Running, life.Paused:
			return c.life.Processes > before, nil
		case life.GaveUp, life.Stopped, life.Stuck:
			return false, c.stateError()
		}
		return false, nil
	}})
	c.settle()
	m.acting.Unlock()
	select {
	case err := <-out:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
