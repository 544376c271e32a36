package serve

import (
	"context"
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/router"
)

// shareTasks takes the tasks of the collector also at the targets that all collectors share
// which have them. stop ends that, and is to be called whatever the error.
func (s *Server) shareTasks(ctx context.Context) (stop func(), err error) {
	able, ok := s.now.c.(collector.Able)
	if !ok {
		return func() {}, nil
	}
	d := dispatch.New(dispatch.Options{
		Now: func() int64 { return control.Now(s.bus) },
		Handlers: map[control.Operation]dispatch.Handler{control.OpExecuteTask: func(ctx context.Context, c *dispatch.Call) (any, error) {
			own := *c
			own.Target = s.name // the request names whom the operator would have preferred
			return s.executeTask(ctx, &own)
		}},
	})
	var all []router.Closer
	stop = func() {
		for _, r := range all {
			_ = r.Close() // the connection ends next, and with it what is left
		}
		d.Close()
	}
	for _, task := range able.Abilities().Tasks {
		if !control.IsShared(task) {
			continue
		}
		r, err := s.bus.Respond(ctx, control.TaskTarget(task), d.Respond)
		if err != nil {
			return stop, fmt.Errorf("task %s: %w", task, err)
		}
		all = append(all, r)
	}
	return stop, nil
}
