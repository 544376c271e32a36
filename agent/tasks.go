package agent

import (
	"context"
	"errors"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
)

// maxAttempts is how often a task is begun that collectors die of.
const maxAttempts = 3

// executeTask has a collector carry out a task: the target, or any that has the task, whom
// the broker chooses among those that respond for it. If the collector dies before it has
// answered, a task that may be repeated is begun again, by another collector or when that one
// is back. Any other is reported with control.CodeCollectorDied.
func (a *Agent) executeTask(ctx context.Context, c *dispatch.Call) (any, error) {
	var task control.Task
	if err := c.Decode(&task); err != nil {
		return nil, err
	}
	target := control.CollectorTarget(c.Target)
	if task.Anyone {
		target = control.TaskTarget(task.Task)
		if !control.IsShared(task.Task) {
			return nil, control.Errorf(control.CodeUnsupportedTask, "the name of the task is none that collectors can share")
		}
	}
	for attempt := 1; ; attempt++ {
		process, err := a.manager.Process(c.Target)
		if err != nil {
			return nil, operationError(err, c.Operation)
		}
		q := c.Request
		q.ID = control.NewID()
		var done control.TaskResult
		_, err = control.Call(ctx, a.self, target, q, &done)
		if err == nil {
			done.Attempts = attempt
			return done, nil
		}
		if attempt == maxAttempts || !task.Repeatable || !died(err) {
			return nil, err
		}
		a.o.Logger.Info("task begun again", "task", task.Task, "collector", c.Target, "reason", err)
		if !task.Anyone && a.manager.Await(ctx, c.Target, process) != nil {
			return nil, err // why it is not done
		}
	}
}

// died reports whether the collector ended while it had the task.
func died(err error) bool {
	var e *control.Error
	return errors.As(err, &e) && (e.Code == control.CodeCollectorDied || e.Code == control.CodeShuttingDown)
}
