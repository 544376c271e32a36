package agent

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/health"
	"github.com/daemoneye/eventbus/agent/procstat"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// respond serves the agent's own targets.
func (a *Agent) respond(ctx context.Context) error {
	_, err := a.self.Respond(ctx, control.StatusTarget, func(ctx context.Context, _ *router.Request) ([]byte, error) {
		s, err := a.Status(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(s)
	})
	if err != nil {
		return err
	}
	_, err = a.self.Respond(ctx, control.RegistrationTarget, func(_ context.Context, r *router.Request) ([]byte, error) {
		var reg control.Registration
		if err := json.Unmarshal(r.Payload, &reg); err != nil {
			return nil, err
		}
		if err := a.manager.Register(reg); err != nil {
			return nil, err
		}
		return json.Marshal(control.Accepted{Collector: reg.Collector})
	})
	return err
}

// publishStatus tells the bus of a collector's new state.
func (a *Agent) publishStatus(s control.CollectorStatus) {
	body, err := json.Marshal(s)
	if err == nil {
		err = a.self.Publish(context.Background(), router.Outgoing{
			Topic: control.LifecycleTopic, Payload: body, Content: frame.ContentJSON,
		})
	}
	if err != nil {
		a.o.Logger.Debug("collector state not published", "collector", s.Name, "err", err)
	}
}

// Status measures and reports how the agent is.
func (a *Agent) Status(ctx context.Context) (control.Status, error) {
	stats, err := a.broker.Stats(ctx)
	if err != nil {
		return control.Status{}, err
	}
	s := control.Status{
		Version: a.o.Version, Instance: a.o.Instance, PID: os.Getpid(), Socket: a.path,
		Uptime: time.Since(a.began), StartTime: a.startup, Broker: stats, Collectors: a.manager.Status(),
	}
	a.monitor.fill(&s)
	s.Parts = map[string]control.Health{
		"broker":     health.Broker(stats, a.monitor.minuteAgo()),
		"collectors": health.Collectors(s.Collectors),
	}
	s.Health = health.Worst(s.Parts)
	return s, nil
}

// monitor samples the processes and the broker's books at intervals, so that
// shares and changes are of a known time.
type monitor struct {
	a    *Agent
	self *procstat.Sampler

	mu       sync.Mutex
	children map[int]*procstat.Sampler // guarded by mu
	usage    map[int]control.Usage     // guarded by mu
	past     []router.Stats            // guarded by mu; one a sampling, the last minute's
}

// sampling is the interval of the monitor.
const sampling = 5 * time.Second

func newMonitor(a *Agent) (*monitor, error) {
	self, err := procstat.New(os.Getpid())
	if err != nil {
		return nil, err
	}
	return &monitor{a: a, self: self, children: map[int]*procstat.Sampler{}, usage: map[int]control.Usage{}}, nil
}

func (m *monitor) run(ctx context.Context) error {
	t := time.NewTicker(sampling)
	defer t.Stop()
	for {
		m.sample(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if s, err := m.a.broker.Stats(ctx); err == nil {
			m.remember(s)
		}
	}
}

func (m *monitor) remember(s router.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.past = append(m.past, s)
	if over := len(m.past) - int(time.Minute/sampling); over > 0 {
		m.past = m.past[over:]
	}
}

// minuteAgo returns the oldest books of the last minute, or nil.
func (m *monitor) minuteAgo() *router.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.past) < int(time.Minute/sampling) {
		return nil
	}
	s := m.past[0]
	return &s
}

// sample measures the agent and the collectors that run.
func (m *monitor) sample(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(m.self, os.Getpid(), now)
	running := map[int]bool{os.Getpid(): true}
	for _, c := range m.a.manager.Status() {
		if c.PID == 0 {
			continue
		}
		running[c.PID] = true
		s := m.children[c.PID]
		if s == nil {
			var err error
			if s, err = procstat.New(c.PID); err != nil {
				continue // it has just ended
			}
			m.children[c.PID] = s
		}
		m.take(s, c.PID, now)
	}
	for pid := range m.usage {
		if !running[pid] {
			delete(m.usage, pid)
			delete(m.children, pid)
		}
	}
}

func (m *monitor) take(s *procstat.Sampler, pid int, now time.Time) {
	x, err := s.Sample(now)
	if err != nil {
		delete(m.usage, pid)
		return
	}
	m.usage[pid] = control.Usage{CPUPercent: 100 * x.CPUCore, RSS: uint64(x.ResidentBytes), Threads: x.Threads, OpenFiles: x.Descriptors}
}

// fill puts the latest measurements into s.
func (m *monitor) fill(s *control.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Usage = m.usage[s.PID]
	for i := range s.Collectors {
		if u, ok := m.usage[s.Collectors[i].PID]; ok {
			s.Collectors[i].Usage = &u
		}
	}
}
