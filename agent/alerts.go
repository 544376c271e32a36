package agent

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/oklog/ulid/v2"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// alerts has what becomes of alerts: they are kept in a store, and published when they
// are durable. Without a data directory they are published at once, and not kept.
type alerts struct {
	a     *Agent
	store atomic.Pointer[store.Store] // nil before open, and without a data directory
}

// open opens the store.
func (x *alerts) open(ctx context.Context) error {
	if x.a.o.DataDir == "" {
		return nil
	}
	c := x.a.config.Load()
	s, err := store.Open(ctx, store.Options{
		Dir: x.a.o.DataDir, SegmentBytes: int64(c.Alerts.SegmentSize), Limits: storeLimits(c), CheckEvery: c.Alerts.CheckInterval,
		Log: x.a.o.Logger, OnRaised: func(r alert.Record) { x.publish(r.Alert) },
	})
	if err != nil {
		return err
	}
	x.store.Store(s)
	return nil
}

// close writes what is in memory. Nothing may submit any more.
func (x *alerts) close() error {
	if s := x.store.Load(); s != nil {
		return s.Close()
	}
	return nil
}

// configure puts the limits of c in force.
func (x *alerts) configure(c *config.Config) {
	if s := x.store.Load(); s != nil {
		s.SetLimits(storeLimits(c))
	}
}

func storeLimits(c *config.Config) store.Limits {
	return store.Limits{
		MaxBytes: int64(c.Alerts.MaxSize), MaxAge: c.Alerts.MaxAge, MemoryBytes: int64(c.Alerts.Memory), Folds: c.Alerts.MaxFolds,
		Burst: c.Alerts.Burst, BurstWindow: c.Alerts.BurstWindow,
	}
}

// submit takes an alert of detection. It does not wait for the disk.
func (x *alerts) submit(one *alert.Alert) {
	if s := x.store.Load(); s != nil {
		s.Submit(one)
		return
	}
	one.ID, one.Status, one.Raised = ulid.Make(), alert.Open, x.a.monitor.now()
	x.publish(one)
}

// publish publishes an alert on the topic of its level.
func (x *alerts) publish(one *alert.Alert) {
	body, err := one.Encode(x.a.broker.Options().MaxMessageSize - roomForFrame)
	if err == nil {
		err = x.a.self.Publish(context.Background(), router.Outgoing{Topic: one.Topic(), Payload: body, Content: frame.ContentJSON})
	}
	if err != nil && !errors.Is(err, router.ErrClosed) {
		x.a.o.Logger.Warn("alert not published", "id", one.ID, "rule", one.Rule.Title, "err", err)
	}
}

// roomForFrame is what a message has besides its payload.
const roomForFrame = frame.HeaderSize + 256

// health is that of the store.
func (x *alerts) health(*health.Facts) control.Health {
	s := x.store.Load()
	if s == nil {
		return control.Health{}
	}
	h := s.Health()
	return control.Health{State: control.State(h.State), Reason: h.Reason}
}
