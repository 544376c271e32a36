package agent

import (
	"context"
	"errors"
	"strconv"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/agent/manager"
)

// newOperations makes the dispatcher of what operators and collectors may ask of the
// agent.
func (a *Agent) newOperations() *dispatch.Dispatcher {
	return dispatch.New(dispatch.Options{
		Identify: a.identify, Logger: a.o.Logger,
		Handlers: map[control.Operation]dispatch.Handler{
			control.OpRegister:         a.register,
			control.OpDeregister:       a.deregister,
			control.OpStart:            a.start,
			control.OpStop:             a.stop,
			control.OpRestart:          a.restart,
			control.OpHealthCheck:      a.forward,
			control.OpUpdateConfig:     a.updateConfig,
			control.OpGetCapabilities:  a.forward,
			control.OpGracefulShutdown: a.stop,
			control.OpForceShutdown:    a.kill,
			control.OpPause:            a.pause,
			control.OpResume:           a.resume,
			control.OpExecuteTask:      a.executeTask,
		},
	})
}

// identify returns who the client with this source is. Its ids belong to its name, if it
// is a collector, and else to its user: who asks again may be another process.
func (a *Agent) identify(ctx context.Context, source uint32) (dispatch.Caller, error) {
	who, ok, err := a.broker.Identity(ctx, source)
	if err != nil {
		return dispatch.Caller{}, err
	}
	if !ok {
		return dispatch.Caller{}, control.Errorf(control.CodePermissionDenied, "client %d has gone", source)
	}
	key := "user " + strconv.Itoa(who.UID)
	if who.Role == control.CollectorRole {
		key = "collector " + who.Name
	}
	return dispatch.Caller{Key: key, Identity: who, Source: source}, nil
}

// register registers a collector. The collector is identified by its connection, not by
// what the request claims.
func (a *Agent) register(ctx context.Context, c *dispatch.Call) (any, error) {
	var reg control.Registration
	if err := c.Decode(&reg); err != nil {
		return nil, err
	}
	if reg.Collector != c.Target {
		return nil, control.Errorf(control.CodeInvalidPayload, "payload: collector is %.40q, and the target is %q", reg.Collector, c.Target)
	}
	state := a.life.State().State
	who := manager.Session{Source: c.Caller.Source, PID: c.Caller.Identity.PID}
	if c.Caller.Identity.Role == control.CollectorRole {
		who.Name = c.Caller.Identity.Name
	}
	connected := func(source uint32) bool {
		_, ok, err := a.broker.Identity(ctx, source)
		return ok || err != nil
	}
	switch err := a.manager.Register(who, reg, connected); {
	case errors.Is(err, manager.ErrUnwanted), errors.Is(err, manager.ErrEnding):
		return nil, control.Errorf(control.CodeRefused, "%v", err)
	case err != nil:
		return nil, control.Errorf(control.CodePermissionDenied, "%v", err)
	}
	return control.Accepted{Collector: reg.Collector, Agent: state, Heartbeat: a.o.Supervision.Beat}, nil
}

// forward has the collector itself carry the operation out.
func (a *Agent) forward(ctx context.Context, c *dispatch.Call) (any, error) {
	if !a.hasCollector(c.Target) {
		return nil, operationError(manager.ErrUnknown, c.Operation)
	}
	q := c.Request
	q.ID = control.NewID() // the caller's id is the caller's: two callers may have the same
	r, err := control.Call(ctx, a.self, control.CollectorTarget(c.Target), q, nil)
	if err != nil {
		return nil, err
	}
	if r.Payload == nil {
		return nil, nil
	}
	return r.Payload, nil
}
