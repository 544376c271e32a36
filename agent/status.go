package agent

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// respond serves the agent's own targets, until the agent's client is closed.
func (a *Agent) respond(ctx context.Context) error {
	if _, err := a.self.Respond(ctx, control.StatusTarget, a.answerStatus); err != nil {
		return err
	}
	if _, err := a.self.Respond(ctx, control.ReloadTarget, a.answerReload); err != nil {
		return err
	}
	if _, err := a.self.Respond(ctx, control.OperationTarget, a.operations.Respond); err != nil {
		return err
	}
	if _, err := a.self.Respond(ctx, control.RegistrationTarget, a.operations.Respond); err != nil {
		return err
	}
	if _, err := a.self.Respond(ctx, control.OutputTestTarget, a.outputs.answerTest); err != nil {
		return err
	}
	if err := a.respondOfRules(ctx); err != nil {
		return err
	}
	return a.respondOfAlerts(ctx)
}

func (a *Agent) answerStatus(ctx context.Context, r *router.Request) ([]byte, error) {
	s, err := a.status(ctx, r.Source)
	if err != nil {
		return nil, err
	}
	// If the status is still too large without any client, sending it fails.
	limit := a.broker.Options().MaxMessageSize - frame.HeaderSize
	return s.Broker.EncodeWithin(limit, func() ([]byte, error) { return json.Marshal(s) })
}

// publish publishes v as JSON; retain keeps it as the topic's last value.
func (a *Agent) publish(topic string, v any, retain bool) {
	body, err := json.Marshal(v)
	if err == nil {
		err = a.self.Publish(context.Background(), router.Outgoing{Topic: topic, Payload: body, Content: frame.ContentJSON, Retain: retain})
	}
	if err != nil {
		a.o.Logger.Debug("not published", "topic", topic, "err", err)
	}
}

// maxUsageAge is how old figures may be that a status shows.
const maxUsageAge = time.Second

// status measures and reports how the agent is, to the client asker; 0 is the agent
// itself. It changes nothing.
func (a *Agent) status(ctx context.Context, asker uint32) (control.Status, error) {
	stats, err := a.broker.Stats(ctx)
	if err != nil {
		return control.Status{}, err
	}
	s := control.Status{
		Version: a.o.Version, Instance: a.o.Config.InstanceID, HostID: a.o.HostID, Labels: a.o.Config.Labels, PID: os.Getpid(), Socket: a.path,
		Uptime: time.Since(a.began), StartTime: a.startup, Agent: a.life.State(), MaxConnections: a.config.Load().Broker.MaxConnections, Broker: stats, Collectors: a.monitor.collectors(),
	}
	if w := a.waiting.Load(); w != nil {
		s.RestartFor = *w
	}
	a.monitor.measure(time.Now(), maxUsageAge)
	s.Usage, _ = a.monitor.usage.Of(s.PID)
	for i := range s.Collectors {
		if u, ok := a.monitor.usage.Of(s.Collectors[i].PID); ok {
			s.Collectors[i].Usage = &u
		}
	}
	s.Outputs = a.outputs.status()
	s.Alerts = a.alerts.status()
	if a.detection != nil {
		d := a.detection.Status()
		s.Detection = &d
	}
	s.Parts = a.monitor.judge(stats, s.Collectors, asker)
	s.Health = health.Worst(s.Parts)
	return s, nil
}

// ownStatus is status for the agent itself.
func (a *Agent) ownStatus(ctx context.Context) (control.Status, error) { return a.status(ctx, 0) }
