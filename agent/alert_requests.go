package agent

import (
	"context"
	"os/user"
	"strconv"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame/strictjson"
	"github.com/daemoneye/eventbus/router"
)

// respondOfAlerts serves the target of alerts, where they are kept.
func (a *Agent) respondOfAlerts(ctx context.Context) error {
	s := a.alerts.store.Load()
	if s == nil {
		return nil
	}
	answers := desk.New(s)
	_, err := a.self.Respond(ctx, control.AlertsTarget, func(ctx context.Context, r *router.Request) ([]byte, error) {
		var q desk.Request
		if err := strictjson.Unmarshal(r.Payload, &q, strictjson.Options{}); err != nil {
			return alert.Marshal(desk.Answer{Problem: &desk.Problem{Code: desk.Invalid, Text: err.Error()}})
		}
		limit := a.broker.Options().MaxMessageSize - roomForFrame
		return alert.Marshal(answers.Answer(ctx, a.operator(ctx, r.Source), &q, limit-roomForAnswer))
	})
	return err
}

// roomForAnswer is what an answer has beside its alerts.
const roomForAnswer = 4 << 10

// status is what the store holds, nil where there is none.
func (x *alerts) status() *control.AlertStore {
	s := x.store.Load()
	if s == nil {
		return nil
	}
	f := s.Stats()
	return &control.AlertStore{
		Kept: f.Alerts, Bytes: f.Bytes, Segments: f.Segments, Waiting: f.Waiting, WaitingBytes: f.WaitingSize,
		Folds: f.Folds, Evicted: f.Evicted, Bursts: f.Bursts, Dropped: f.Dropped, Lost: f.Lost, Rebuilt: f.Rebuilt,
	}
}

// operator names the user of the client with that source.
func (a *Agent) operator(ctx context.Context, source uint32) string {
	who, ok, err := a.broker.Identity(ctx, source)
	if err != nil || !ok {
		return "unknown"
	}
	uid := strconv.Itoa(who.UID)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}
