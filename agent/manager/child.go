package manager

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// child is one collector. Manager.acting guards it.
type child struct {
	name      string
	spec      Spec
	life      *life.Life
	log       *slog.Logger
	removed   bool            // it is not among the collectors any more, and is forgotten when it has ended
	replaceBy *Spec           // what takes its place when it has ended; nil for nothing
	settings  json.RawMessage // what an operator made of those of spec; nil: nothing

	process *process // nil for none, and of an external collector
	pid     int      // of its process; 0 for none
	session uint32   // the source of its registration; 0 for none
	latest  uint32   // of its latest registration, which may have ended
	opening bool     // its source is not open, as it reports itself
	source  string   // where its events come from, in its own words
	excess  life.Excess

	emitted   uint64    // in its last heartbeat
	filtered  uint64    // in its last heartbeat
	lastEvent time.Time // of which is known; zero for none since it began
	began     time.Time // when it registered, or announced what it missed
	noted     Missed    // by the last Note

	wishes  int // of operators
	waiters []waiter

	shown  control.CollectorStatus // the last one that Changed got
	since  time.Time               // when shown.State began
	killed bool                    // the process that ended last was killed by the manager
	how    string                  // how it ended
}

func (m *Manager) newChild(s Spec) *child {
	o := m.o.Life
	o.External = s.External != nil
	name := s.Config.Collector
	return &child{
		name: name, spec: s, life: life.New(o), log: m.o.Logger.With("collector", name), since: time.Now(),
		shown: control.CollectorStatus{Name: name, State: control.CollectorStopped, External: o.External},
	}
}

// status is the collector as operators see it. now is the manager's time.
func (c *child) status(now time.Duration) control.CollectorStatus {
	l := c.life
	s := control.CollectorStatus{
		Name: c.name, State: states[l.State], External: c.spec.External != nil, PID: c.pid, Source: c.source,
		Restarts: l.Restarts, LastExit: l.Reason, Since: c.since, Filtered: c.filtered,
	}
	s.Opening = c.opening && l.State == life.Running
	if l.State == life.Waiting || l.State == life.GaveUp {
		if at, ok := l.Next(); ok {
			s.NextTry = time.Now().Add(at - now)
		}
	}
	return s
}

// states are the names of states in package control.
var states = [...]control.CollectorState{
	life.Stopped:      control.CollectorStopped,
	life.Starting:     control.CollectorStarting,
	life.Running:      control.CollectorRunning,
	life.Paused:       control.CollectorPaused,
	life.Unresponsive: control.CollectorUnresponsive,
	life.Stopping:     control.CollectorStopping,
	life.Killing:      control.CollectorStopping,
	life.Stuck:        control.CollectorStuck,
	life.Waiting:      control.CollectorRestarting,
	life.GaveUp:       control.CollectorGaveUp,
	life.Absent:       control.CollectorAbsent,
}
