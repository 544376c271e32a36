package manager

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// child is one collector and its supervisor's view of it. Safe for concurrent
// use.
type child struct {
	o      *Options
	config control.ChildConfig // constant once its supervisor runs
	log    *slog.Logger

	// changing is held while the status is changed and Changed is called, so that
	// Changed gets the changes in order. It is taken before mu. mu is free while
	// Changed runs, because Changed may read the status.
	changing sync.Mutex

	mu         sync.Mutex
	status     control.CollectorStatus // guarded by mu
	registered time.Time               // guarded by mu; zero when this process has not
	stop       context.CancelCauseFunc // guarded by mu; ends the process that runs
	stopping   <-chan struct{}         // guarded by mu; closed when that is to end
}

func newChild(o *Options, config control.ChildConfig) *child {
	return &child{
		o: o, config: config, log: o.Logger.With("collector", config.Collector),
		status: control.CollectorStatus{Name: config.Collector, State: control.CollectorStopped},
	}
}

func (c *child) snapshot() control.CollectorStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// change has f change the status, and calls Changed unless f fails.
func (c *child) change(f func(*control.CollectorStatus) error) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.mu.Lock()
	err := f(&c.status)
	s := c.status
	c.mu.Unlock()
	if err == nil && c.o.Changed != nil {
		c.o.Changed(s)
	}
	return err
}

// begin notes that a process is about to be started, which stop ends. It forgets when
// the process before was registered, because that does not count for this one.
func (c *child) begin(stopping <-chan struct{}, stop context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.registered, c.stopping, c.stop = time.Time{}, stopping, stop
}

// started notes that a new process runs.
func (c *child) started(pid int) {
	_ = c.change(func(s *control.CollectorStatus) error {
		s.State, s.PID, s.Source = control.CollectorStarting, pid, ""
		return nil
	})
}

// register notes that the process that runs is ready.
func (c *child) register(pid int, r control.Registration) error {
	return c.change(func(s *control.CollectorStatus) error {
		if s.PID != pid || pid == 0 {
			return fmt.Errorf("manager: collector %s runs as pid %d, not as pid %d", s.Name, s.PID, pid)
		}
		s.State, s.Source = control.CollectorRunning, r.Source
		if c.registered.IsZero() {
			c.registered = time.Now()
		}
		return nil
	})
}

// markLost notes that the registered process pid is of no use any more, and ends it.
// It reports whether there was one.
func (c *child) markLost(pid int, reason string) bool {
	return c.change(func(s *control.CollectorStatus) error {
		if s.PID != pid || s.State != control.CollectorRunning {
			return errNotRegistered
		}
		select {
		case <-c.stopping: // it was asked to end
			return errNotRegistered
		default:
		}
		s.State, s.LastExit = control.CollectorLost, reason
		c.stop(lostError{reason})
		return nil
	}) == nil
}

// ended notes that no process runs any more. exit is why, where it was not asked to
// end.
func (c *child) ended(state control.CollectorState, exit string) {
	_ = c.change(func(s *control.CollectorStatus) error {
		s.State, s.PID = state, 0
		if exit != "" {
			s.LastExit = exit
		}
		return nil
	})
}

// restarting notes that the process has ended, why, and that it is started again.
// counts says whether that is one of its restarts.
func (c *child) restarting(exit string, counts bool) {
	_ = c.change(func(s *control.CollectorStatus) error {
		s.State, s.PID, s.LastExit = control.CollectorRestarting, 0, exit
		if counts {
			s.Restarts++
		}
		return nil
	})
}

// served returns for how long the process has been registered, 0 when it never
// was.
func (c *child) served() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registered.IsZero() {
		return 0
	}
	return time.Since(c.registered)
}
