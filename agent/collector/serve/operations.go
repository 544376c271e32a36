package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
)

// handlers is the table of what the agent can ask of the collector.
func (s *Server) handlers() map[control.Operation]dispatch.Handler {
	commanded := func(f func(context.Context, *dispatch.Call) (any, error)) dispatch.Handler {
		return func(ctx context.Context, c *dispatch.Call) (any, error) { return s.command(ctx, c, f) }
	}
	return map[control.Operation]dispatch.Handler{
		control.OpHealthCheck:      commanded(s.healthCheck),
		control.OpGetCapabilities:  commanded(s.getCapabilities),
		control.OpPause:            commanded(s.pause),
		control.OpResume:           commanded(s.resume),
		control.OpUpdateConfig:     commanded(s.updateConfig),
		control.OpGracefulShutdown: commanded(s.shutdown),
		control.OpForceShutdown:    s.forceShutdown,
		control.OpExecuteTask:      s.executeTask,
	}
}

// command has work run f, and returns what it returns. f gets the context of work.
func (s *Server) command(ctx context.Context, c *dispatch.Call, f func(context.Context, *dispatch.Call) (any, error)) (any, error) {
	if c.Target != s.name {
		return nil, control.Errorf(control.CodeInvalidTarget, "this is collector %s", s.name)
	}
	type outcome struct {
		result any
		err    error
	}
	done := make(chan outcome, 1) // work never waits for who has gone
	run := func(workCtx context.Context) {
		result, err := f(workCtx, c)
		done <- outcome{result, err}
	}
	select {
	case s.commands <- run:
	case <-s.ended:
		return nil, errEnds
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done: // it has ended the collector, and with it ctx
		return o.result, o.err
	default:
		return nil, ctx.Err()
	}
}

var errEnds = control.Errorf(control.CodeShuttingDown, "the collector is ending")

func (s *Server) healthCheck(context.Context, *dispatch.Call) (any, error) {
	return control.Report{
		Collector: s.name, PID: os.Getpid(), Version: s.o.Version, Source: s.now.c.Describe(),
		State: s.state(), Health: s.health(), Uptime: time.Since(s.started),
		Emitted: s.emitted.Load(), Failed: s.failed.Load(), Filtered: s.filtered(), ConfigVersion: s.now.version,
	}, nil
}

func (s *Server) getCapabilities(context.Context, *dispatch.Call) (any, error) {
	var a collector.Abilities
	if able, ok := s.now.c.(collector.Able); ok {
		a = able.Abilities()
	}
	c := control.Capabilities{
		Collector: s.name, Version: s.o.Version, Source: s.now.c.Describe(),
		EventTypes: list(a.EventTypes), Topics: list(a.Topics), Tasks: list(a.Tasks), Config: list(a.Config),
	}
	for _, info := range control.Operations() {
		if info.Collector {
			c.Operations = append(c.Operations, info.Operation)
		}
	}
	return c, nil
}

// list is all as a list, which in JSON is not null.
func list(all []string) []string { return append([]string{}, all...) }

// pause stops observing. Heartbeats and answers go on.
func (s *Server) pause(context.Context, *dispatch.Call) (any, error) {
	if s.now.paused {
		return control.Changed{State: control.CollectorPaused, Already: true}, nil
	}
	s.now.paused, s.now.since = true, time.Now()
	if err := s.halt(); err != nil {
		s.fail(err)
		return nil, err
	}
	return control.Changed{State: control.CollectorPaused}, nil
}

// resume observes again, and announces what was missed.
func (s *Server) resume(ctx context.Context, _ *dispatch.Call) (any, error) {
	if !s.now.paused {
		return control.Changed{State: control.CollectorRunning, Already: true}, nil
	}
	since := s.now.since
	s.announceMissed(since, fmt.Sprintf("the collector was paused for %s", time.Since(since).Round(time.Millisecond)))
	s.now.paused = false
	s.observe(ctx)
	if err := s.settle(); err != nil {
		s.fail(err)
		return nil, control.Errorf(control.CodeInternal, "the collector could not go on: %v", err)
	}
	return control.Changed{State: control.CollectorRunning}, nil
}

// announceMissed announces that the collector did not observe since then. Where the bus
// does not take it, the next gap counts one failure more.
func (s *Server) announceMissed(since time.Time, reason string) {
	if s.announceBlind(since, reason) != nil {
		s.failed.Add(1)
		s.unannounced++
	}
}

// shutdown ends the collector in order.
func (s *Server) shutdown(ctx context.Context, _ *dispatch.Call) (any, error) {
	s.fail(s.halt())
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.bus.Flush(ctx); err != nil && s.err == nil {
		s.err = err
	}
	return control.Changed{State: control.CollectorStopping}, nil
}

// forceShutdown ends the collector without waiting for work, which may be stuck.
func (s *Server) forceShutdown(context.Context, *dispatch.Call) (any, error) {
	s.force()
	return control.Changed{State: control.CollectorStopping}, nil
}

// executeTask carries out a task beside work, because it may take long.
func (s *Server) executeTask(ctx context.Context, c *dispatch.Call) (any, error) {
	var task control.Task
	if err := c.Decode(&task); err != nil {
		return nil, err
	}
	current, err := s.command(ctx, c, func(context.Context, *dispatch.Call) (any, error) { return s.now.c, nil })
	if err != nil {
		return nil, err
	}
	t, ok := current.(collector.Tasker)
	if !ok {
		return nil, control.Errorf(control.CodeUnsupportedTask, "the collector %s has no tasks", s.name)
	}
	result, err := t.Do(ctx, task.Task, task.Args)
	switch {
	case errors.Is(err, collector.ErrTask):
		return nil, control.Errorf(control.CodeUnsupportedTask, "%v", err)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, control.Errorf(control.CodeTaskFailed, "%v", err)
	}
	b, err := json.Marshal(result)
	if err != nil {
		return nil, control.Errorf(control.CodeTaskFailed, "result: %v", err)
	}
	return control.TaskResult{Task: task.Task, Collector: s.name, Result: b}, nil
}
