package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
)

// updateTimeout bounds each of the rounds in which a reload asks all collectors at once: to
// check their new settings, to take them, and to take the old ones back. In the same time
// other operations on them have to end.
const updateTimeout = 3 * time.Second

// reconfiguration is a change of the settings of collectors that all of them have taken.
type reconfiguration struct {
	a         *Agent
	updates   []manager.Update
	turns     []func()
	restarted []string // collectors that began anew
}

// refusedError is why collectors do not take their settings, a line for each.
type refusedError struct{ error }

// reconfigure has all collectors take their updates, or none: the error is a *refusedError
// then. Until end no other operation changes any of them.
func (a *Agent) reconfigure(ctx context.Context, updates []manager.Update) (*reconfiguration, error) {
	r := &reconfiguration{a: a, updates: updates}
	if len(updates) == 0 {
		return r, nil
	}
	if err := r.begin(ctx); err != nil {
		return nil, &refusedError{err}
	}
	// A check first, so that as a rule nobody has to go back. A collector that went back has
	// observed by the new settings for a while.
	_, err := r.ask(ctx, func(u *manager.Update) control.ConfigUpdate {
		return control.ConfigUpdate{Config: u.New, ValidateOnly: true}
	})
	if failed := errors.Join(err...); failed != nil {
		r.end()
		return nil, &refusedError{failed}
	}
	answers, err := r.ask(ctx, func(u *manager.Update) control.ConfigUpdate {
		return control.ConfigUpdate{Config: u.New, Rollback: true}
	})
	if failed := errors.Join(err...); failed != nil {
		defer r.end()
		return nil, &refusedError{errors.Join(failed, r.goBack(ctx, err))}
	}
	for i, answer := range answers {
		r.updates[i].Source = answer.Source
		if answer.Restarted {
			r.restarted = append(r.restarted, updates[i].Collector)
		}
	}
	return r, nil
}

// begin waits until no other operation changes any of the collectors.
func (r *reconfiguration) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	for _, u := range r.updates {
		done, err := r.a.operations.Turn(ctx, u.Collector)
		if err != nil {
			r.end()
			return fmt.Errorf("collectors.%s: the collector was not asked to take its new settings, because another operation on it goes on: %w", u.Collector, err)
		}
		r.turns = append(r.turns, done)
	}
	return nil
}

// end lets other operations change the collectors.
func (r *reconfiguration) end() {
	for _, done := range r.turns {
		done()
	}
	r.turns = nil
}

// ask has all collectors take an update at once, and returns the answers and the errors of
// each.
func (r *reconfiguration) ask(ctx context.Context, update func(*manager.Update) control.ConfigUpdate) ([]control.ConfigUpdated, []error) {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	answers, errs := make([]control.ConfigUpdated, len(r.updates)), make([]error, len(r.updates))
	var asking sync.WaitGroup
	for i := range r.updates {
		u := &r.updates[i]
		asking.Go(func() {
			_, err := control.Call(ctx, r.a.self, control.CollectorTarget(u.Collector), control.Request{
				Operation: control.OpUpdateConfig, Target: u.Collector, Payload: control.Payload(update(u)),
			}, &answers[i])
			var answer *control.Error
			if errors.As(err, &answer) {
				err = answer // what the bus adds is nothing new
			}
			if err != nil {
				errs[i] = fmt.Errorf("collectors.%s: the collector does not take its new settings: %w", u.Collector, err)
			}
		})
	}
	asking.Wait()
	return answers, errs
}

// undo has all collectors go back to the settings before.
func (r *reconfiguration) undo(ctx context.Context) error {
	return r.goBack(ctx, make([]error, len(r.updates)))
}

// goBack has the collectors go back to the settings before, but for those whose failure shows
// that they have. One that does not answer, or cannot go back, is restarted with them.
func (r *reconfiguration) goBack(ctx context.Context, failures []error) error {
	var back reconfiguration
	for i, u := range r.updates {
		if !keptOld(failures[i]) {
			back.updates = append(back.updates, u)
		}
	}
	back.a = r.a
	_, errs := back.ask(context.WithoutCancel(ctx), func(u *manager.Update) control.ConfigUpdate {
		return control.ConfigUpdate{Config: u.Old, Rollback: true}
	})
	for i, err := range errs {
		if err == nil {
			continue
		}
		u := back.updates[i]
		r.a.manager.Renew(u, "it did not go back to the settings before")
		errs[i] = fmt.Errorf("collectors.%s: the collector does not go back to the settings before, and is restarted with them", u.Collector)
		r.a.o.Logger.Warn("collector did not go back to the settings before", "collector", u.Collector, "err", err)
	}
	return errors.Join(errs...)
}

// keptOld reports whether a collector that failed to take settings goes on with those before
// for sure.
func keptOld(failure error) bool {
	var e *control.Error
	if !errors.As(failure, &e) {
		return false
	}
	return e.Code == control.CodeValidationFailed || e.Code == control.CodeInvalidPayload || e.Code == control.CodeUnsupportedOperation ||
		e.Code == control.CodeApplyFailed && e.Context["rolled_back"] == "true"
}
