package agent

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/manager"
)

// Here are the operations that change which collectors run. The manager carries them out.

// hasCollector reports whether there is such a collector.
func (a *Agent) hasCollector(name string) bool {
	return slices.ContainsFunc(a.manager.Status(), func(s control.CollectorStatus) bool { return s.Name == name })
}

// operationError is what the manager's error is called in an answer to op.
func operationError(err error, op control.Operation) error {
	var state *manager.StateError
	var start *manager.StartError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, manager.ErrUnknown):
		return control.Errorf(control.CodeCollectorNotFound, "there is no such collector")
	case errors.Is(err, manager.ErrOwn):
		return control.Errorf(control.CodePermissionDenied, "only an external collector can be deregistered; the agent's own is stopped")
	case errors.Is(err, manager.ErrEnding):
		return control.Errorf(control.CodeShuttingDown, "the agent is ending")
	case errors.Is(err, manager.ErrSuperseded), errors.Is(err, manager.ErrExternal):
		return control.Errorf(control.CodeInvalidState, "%v", err)
	case errors.As(err, &start):
		return control.Errorf(control.CodeSpawnFailed, "it does not run: %s", start.Reason)
	case errors.Is(err, context.DeadlineExceeded):
		return control.Errorf(control.CodeTimeout, "it was not done in time; the agent goes on with it")
	case !errors.As(err, &state):
		return err
	}
	code := control.CodeInvalidState
	switch {
	case state.State == control.CollectorStuck && op != control.OpStart:
		code = control.CodeTerminateFailed
	case op == control.OpStart && state.State != control.CollectorPaused:
		code = control.CodeAlreadyRunning
	case op != control.OpStart && state.State == control.CollectorStopped:
		code = control.CodeNotRunning
	}
	return control.Errorf(code, "it is %s", state.State).With("state", string(state.State))
}

func (a *Agent) deregister(_ context.Context, c *dispatch.Call) (any, error) {
	var d control.Deregistration
	if err := c.Decode(&d); err != nil {
		return nil, err
	}
	own := ""
	if d.Reason != "" {
		own = ": " + d.Reason
	}
	if c.Caller.Identity.Role != control.CollectorRole {
		return nil, operationError(a.manager.Dismiss(c.Target, "an operator has deregistered it"+own), c.Operation)
	}
	if name, ok := a.manager.Registered(c.Caller.Source); !ok || name != c.Target {
		return nil, control.Errorf(control.CodePermissionDenied, "a collector deregisters itself only")
	}
	reason := "it has left" + own
	return nil, operationError(a.manager.Deregister(c.Caller.Source, reason), c.Operation)
}

func (a *Agent) start(ctx context.Context, c *dispatch.Call) (any, error) {
	r, err := a.manager.Start(ctx, c.Target)
	return control.Started{PID: r.Status.PID}, operationError(err, c.Operation)
}

func (a *Agent) restart(ctx context.Context, c *dispatch.Call) (any, error) {
	r, err := a.manager.Restart(ctx, c.Target)
	return control.Started{PID: r.Status.PID}, operationError(err, c.Operation)
}

// stop stops a collector. The manager kills one that does not end in time whatever the
// request asks for, because it must not collect any more.
func (a *Agent) stop(ctx context.Context, c *dispatch.Call) (any, error) {
	var s control.Shutdown
	if err := c.Decode(&s); err != nil {
		return nil, err
	}
	if s.Timeout < 0 || s.Timeout > control.MaxAhead {
		return nil, control.Errorf(control.CodeInvalidPayload, "payload: timeout_ns: want 0 to %d", control.MaxAhead)
	}
	r, err := a.manager.Stop(ctx, c.Target, s.Timeout)
	return control.Stopped{Exit: r.Exit, Killed: r.Killed}, operationError(err, c.Operation)
}

func (a *Agent) kill(ctx context.Context, c *dispatch.Call) (any, error) {
	r, err := a.manager.Kill(ctx, c.Target)
	return control.Stopped{Exit: r.Exit, Killed: r.Killed}, operationError(err, c.Operation)
}

func (a *Agent) pause(ctx context.Context, c *dispatch.Call) (any, error) {
	r, err := a.manager.Pause(ctx, c.Target)
	return control.Changed{State: r.Status.State}, operationError(err, c.Operation)
}

func (a *Agent) resume(ctx context.Context, c *dispatch.Call) (any, error) {
	r, err := a.manager.Resume(ctx, c.Target)
	return control.Changed{State: r.Status.State}, operationError(err, c.Operation)
}

// updateConfig has the collector take the configuration. A process that is started later
// gets it as well.
func (a *Agent) updateConfig(ctx context.Context, c *dispatch.Call) (any, error) {
	var u control.ConfigUpdate
	if err := c.Decode(&u); err != nil {
		return nil, err
	}
	answer, err := a.forward(ctx, c)
	if err != nil || u.ValidateOnly {
		return answer, err
	}
	var done control.ConfigUpdated
	if b, ok := answer.(json.RawMessage); ok {
		_ = json.Unmarshal(b, &done) // without a source it keeps the one that is known
	}
	err = a.manager.Configured(c.Target, done.Source, func(settings json.RawMessage) json.RawMessage { return merged(settings, u.Config) })
	return answer, operationError(err, c.Operation)
}

// merged returns the object now with the members of change in it. Both are objects that the
// collector has taken.
func merged(now, change json.RawMessage) json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, part := range []json.RawMessage{now, change} {
		var members map[string]json.RawMessage
		if json.Unmarshal(part, &members) == nil {
			maps.Copy(all, members)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return now
	}
	return b
}
