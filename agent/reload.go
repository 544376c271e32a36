package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// errNoReload is the answer of an agent that was given no Options.Load.
var errNoReload = errors.New("this agent cannot read its configuration again")

// Reload reads the configuration again with the validator of the start, and puts in
// force what a reload may change, all of it or nothing. Broker and connections go on
// meanwhile, and so do the collectors: one whose settings have changed takes them while it
// runs. If one does not take them in time, or refuses them, or ctx ends before all have, those
// that did take them are given the ones before, and nothing has changed. by names the caller
// in the log. What it returns is also logged. Safe for concurrent use; one reload waits for the
// other.
func (a *Agent) Reload(ctx context.Context, by string) (r control.Reloaded, err error) {
	if a.o.Load == nil {
		return control.Reloaded{}, errNoReload
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.isReady() {
		a.notify(a.o.Service.Reloading())
		defer func() { a.notify(a.o.Service.Ready(reloadText(&r, err))) }()
	}
	l, err := a.o.Load()
	if err != nil {
		return a.reject(by, strings.Split(err.Error(), "\n")...), nil
	}
	now := a.config.Load()
	next := config.Reloaded(now, l.Config)
	did, err := a.prepare(ctx, now, next)
	var refused *refusedError
	if errors.As(err, &refused) {
		r.Refused = strings.Split(err.Error(), "\n")
		a.o.Logger.Error("configuration refused", "by", by, "refused", r.Refused)
		return r, nil
	} else if err != nil {
		return a.reject(by, strings.Split(err.Error(), "\n")...), nil
	}
	r = control.Reloaded{Changes: config.Diff(now, l.Config), Restarted: did.restarted, Warnings: l.Warnings}
	a.config.Store(next)
	waiting := r.Waiting()
	a.waiting.Store(&waiting)
	a.apply(next)
	a.outputs.apply(did.outputs)
	r.Rules = a.loadRules(by, next)
	if now.Metrics.Listen != next.Metrics.Listen {
		a.exporter.offer(did.metrics)
	}
	a.o.Logger.Info("configuration reloaded", "by", by, "changes", changeTexts(r.Changes), "restart_for", waiting, "restarted", r.Restarted)
	for _, w := range l.Warnings {
		a.o.Logger.Warn("configuration", "warning", w)
	}
	return r, nil
}

// prepared is what prepare did.
type prepared struct {
	metrics   net.Listener // the new one for them, nil where that stays or is to be none
	restarted []string     // collectors that began anew
	outputs   []output.Spec
}

// prepare does the part of a reload that may fail, all of it or nothing.
func (a *Agent) prepare(ctx context.Context, now, next *config.Config) (did prepared, err error) {
	specs, err := a.specs(next)
	if err != nil {
		return did, err
	}
	if _, err := ruleSettings(next); err != nil {
		return did, err
	}
	if did.outputs, err = a.outputs.specs(next); err != nil {
		return did, err
	}
	var undo []func() error
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				err = errors.Join(err, f())
			}
		}
	}()
	if now.Metrics.Listen != next.Metrics.Listen {
		if did.metrics, err = a.exporter.bind(next.Metrics.Listen); err != nil {
			return did, fmt.Errorf("metrics.listen: %w", err)
		}
		if did.metrics != nil {
			undo = append(undo, did.metrics.Close)
		}
	}
	if err = a.setLimits(next); err != nil {
		return did, err
	}
	undo = append(undo, func() error { return a.setLimits(now) })
	updates, err := a.manager.Plan(specs)
	if err != nil {
		return did, err
	}
	change, err := a.reconfigure(ctx, updates)
	if err != nil {
		return did, err
	}
	defer change.end()
	applied, err := a.manager.Apply(specs, updates...)
	if err != nil { // Plan would have failed
		return did, errors.Join(err, change.undo(ctx))
	}
	did.restarted = slices.Sorted(slices.Values(append(change.restarted, applied.Restarted...)))
	return did, nil
}

// reject logs and returns that nothing has changed.
func (a *Agent) reject(by string, mistakes ...string) control.Reloaded {
	a.o.Logger.Error("configuration rejected", "by", by, "mistakes", mistakes)
	return control.Reloaded{Mistakes: mistakes}
}

// setLimits puts the limits of c in force, of the broker and of its server, or nothing
// with an error.
func (a *Agent) setLimits(c *config.Config) error {
	before, b, s := a.broker.Options(), brokerOptions(c), serverOptions(c)
	if err := a.broker.SetLimits(limitsOf(&b)); err != nil {
		return err
	}
	err := a.limits.Set(ipc.Limits{
		MaxConnections: s.MaxConnections, ConnectionTimeout: s.ConnectionTimeout, Heartbeat: s.Heartbeat, PublishRate: s.PublishRate, DrainTimeout: s.DrainTimeout,
	})
	if err != nil {
		err = errors.Join(err, a.broker.SetLimits(limitsOf(&before)))
	}
	return err
}

func limitsOf(o *router.Options) router.Limits {
	return router.Limits{MaxQueued: o.MaxQueued, Overflows: o.Overflows, MaxSubscriptions: o.MaxSubscriptions, MaxRequests: o.MaxRequests}
}

// apply puts in force what may change while the agent runs. It cannot fail.
func (a *Agent) apply(c *config.Config) {
	if a.o.Level != nil {
		a.o.Level.Set(level(c))
	}
	if a.o.JSON != nil {
		a.o.JSON.Store(c.Log.Format == "json")
	}
	a.monitor.configure(&c.Broker)
	a.alerts.configure(c)
}

func level(c *config.Config) (l slog.Level) {
	_ = l.UnmarshalText([]byte(c.Log.Level)) // the configuration has no other words
	return l
}

func changeTexts(changes []config.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}

func (a *Agent) answerReload(ctx context.Context, _ *router.Request) ([]byte, error) {
	answer, err := a.Reload(ctx, "request")
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}
