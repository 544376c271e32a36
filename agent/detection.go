package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/frame/strictjson"
	"github.com/daemoneye/eventbus/router"
)

// newDetection makes what runs rules on events, if the configuration has it.
func (a *Agent) newDetection(c *config.Config) error {
	if !c.Detection.Enabled {
		return nil
	}
	s, err := ruleSettings(c)
	if err != nil {
		return err
	}
	h := host.Host{ID: a.o.HostID}.Complete()
	a.detection = live.New(live.Options{
		Host:     live.Host{ID: h.ID, Name: h.Name, BootID: host.BootID(h.Root), Labels: c.Labels},
		Settings: s, Queue: c.Detection.Queue, Memory: int(c.Detection.ContextMemory),
		Identify: a.broker.Identity, Owned: a.ownsType, Submit: a.alerts.submit, Logger: a.o.Logger,
	})
	a.monitor.parts.Register(health.Component{Name: "detection", Check: func(f *health.Facts) control.Health { return a.detection.Health(f.Now) }})
	return nil
}

// detect loads the rules and begins to run them on events. stop ends that when the events
// that are queued have been looked at.
func (a *Agent) detect(ctx context.Context) (stop func(), err error) {
	if a.detection == nil {
		return func() {}, nil
	}
	a.detection.Load(live.AtStart)
	bus := a.broker.Client(live.SubscriberID)
	sub, err := a.detection.Subscribe(ctx, bus)
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	inner, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.detection.Run(inner, sub); err != nil {
			a.o.Logger.Error("detection ended", "err", err)
		}
	})
	return func() {
		end()
		running.Wait()
		_ = bus.Close()
	}, nil
}

// ownsType reports whether a collector of that type is configured.
func (a *Agent) ownsType(t event.Type) bool { return a.hasCollector(t.String()) }

// ruleSettings are the settings of rules that a configuration asks for.
func ruleSettings(c *config.Config) (live.Settings, error) {
	d := &c.Detection
	s := live.Settings{
		BuiltIn: d.BuiltIn, Paths: slices.DeleteFunc(slices.Clone(d.Rules), func(p string) bool { return p == "" }), Optional: d.IsDefaultRules(), Watch: d.Watch,
		Choice: live.Choice{Level: sigma.LevelByName(d.MinLevel)}, Withdrawn: d.Withdrawn, Placeholders: d.PlaceholderValues(),
		Fold: d.FoldWindow, FoldBy: d.FoldFor(), Context: d.ContextEvents,
		Windows: window.Options{
			Groups: d.Correlation.MaxGroups, Entries: d.Correlation.MaxMatches, Age: d.Correlation.MaxAge,
			All: int(d.Correlation.MaxMemory), Bytes: int(d.Correlation.MaxMemory / 2),
		},
	}
	for range c.Collectors.Externals() {
		s.Foreign = true
	}
	for t := event.TableProcess; t <= event.TablePerformance && !s.Foreign; t++ {
		if c.Enabled("collectors." + t.String()) {
			s.Collected = append(s.Collected, t)
		}
	}
	var err error
	if s.Choice.Include, err = selectors("include", d.Include); err == nil {
		s.Choice.Exclude, err = selectors("exclude", d.Exclude)
	}
	return s, err
}

func selectors(key string, texts []string) (all []live.Selector, err error) {
	for _, text := range texts {
		if text == "" {
			continue
		}
		s, err := live.ParseSelector(text)
		if err != nil {
			return nil, fmt.Errorf("detection.%s: %w", key, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// loadRules loads the rules again with the settings of c. It is nil where detection is not
// enabled.
func (a *Agent) loadRules(by string, c *config.Config) *control.RulesReport {
	if a.detection == nil {
		return nil
	}
	s, err := ruleSettings(c)
	if err != nil {
		return nil // prepare has made the same settings before
	}
	r := a.detection.Apply(by, s)
	return &r
}

// respondOfRules serves the targets of rules.
func (a *Agent) respondOfRules(ctx context.Context) error {
	if a.detection == nil {
		return nil
	}
	_, err := a.self.Respond(ctx, control.RulesReloadTarget, func(context.Context, *router.Request) ([]byte, error) {
		return json.Marshal(a.detection.Load("request"))
	})
	if err != nil {
		return err
	}
	_, err = a.self.Respond(ctx, control.RulesListTarget, func(_ context.Context, r *router.Request) ([]byte, error) {
		var q control.RulesQuery
		if len(r.Payload) > 0 {
			if err := strictjson.Unmarshal(r.Payload, &q, strictjson.Options{}); err != nil {
				return nil, err
			}
		}
		return json.Marshal(a.detection.Rules(q.After))
	})
	return err
}
