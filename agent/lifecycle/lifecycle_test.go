package lifecycle_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/lifecycle"
)

const openTimeout = time.Hour

// life keeps what it publishes.
type life struct {
	*lifecycle.Lifecycle
	published []control.Orchestration
}

func begin() *life {
	l := new(life)
	l.Lifecycle = lifecycle.New(openTimeout, func(x control.Orchestration) { l.published = append(l.published, x) })
	return l
}

var states = []control.AgentState{control.Loading, control.Ready, control.Steady, control.StartupFailed, control.ShuttingDown}

// waysTo are moves that lead to each state.
var waysTo = map[control.AgentState][]control.AgentState{
	control.Ready: {control.Ready}, control.Steady: {control.Ready, control.Steady},
	control.StartupFailed: {control.StartupFailed}, control.ShuttingDown: {control.ShuttingDown},
}

// TestEveryMoveOfTheAgentIsChecked tries each from each state to each.
func TestEveryMoveOfTheAgentIsChecked(t *testing.T) {
	allowed := map[[2]control.AgentState]bool{
		{control.Loading, control.Ready}: true, {control.Loading, control.StartupFailed}: true, {control.Loading, control.ShuttingDown}: true,
		{control.Ready, control.Steady}: true, {control.Ready, control.ShuttingDown}: true,
		{control.Steady, control.ShuttingDown}:        true,
		{control.StartupFailed, control.Ready}:        true,
		{control.StartupFailed, control.ShuttingDown}: true,
	}
	for _, from := range states {
		for _, to := range states {
			l := begin()
			for _, s := range waysTo[from] {
				if err := l.Move(s, ""); err != nil {
					t.Fatal(err)
				}
			}
			published := len(l.published)
			err := l.Move(to, "")
			want := from
			if allowed[[2]control.AgentState{from, to}] {
				want = to
			}
			if (err == nil) != (want == to && from != to) || l.State().State != want || (len(l.published) > published) != (err == nil) {
				t.Errorf("from %s to %s: %v, then it is %s", from, to, err, l.State().State)
			}
		}
	}
}

// TestTheStateFollowsTheCollectors: what is published, change by change.
func TestTheStateFollowsTheCollectors(t *testing.T) {
	is := func(name string, s control.CollectorState, exit string) control.CollectorStatus {
		return control.CollectorStatus{Name: name, State: s, LastExit: exit}
	}
	runs, starts := is("a", control.CollectorRunning, ""), is("b", control.CollectorStarting, "")
	ended, again := is("b", control.CollectorRestarting, "exit status 1"), is("b", control.CollectorRunning, "exit status 1")
	opening := func(since time.Duration) control.CollectorStatus {
		return control.CollectorStatus{Name: "b", State: control.CollectorRunning, Opening: true, Since: time.Now().Add(-since)}
	}
	type step struct {
		all        []control.CollectorStatus
		registered bool
		decided    bool
		want       []control.AgentState // published
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"there are none", []step{{nil, false, true, []control.AgentState{control.Ready, control.Steady}}}},
		{"one is paused, and an external one has not come", []step{
			{[]control.CollectorStatus{is("a", control.CollectorPaused, ""), {Name: "x", State: control.CollectorAbsent, External: true}}, false, true,
				[]control.AgentState{control.Ready, control.Steady}},
		}},
		{"one after the other", []step{
			{[]control.CollectorStatus{runs, starts}, true, false, nil},
			{[]control.CollectorStatus{runs, again}, true, true, []control.AgentState{control.Ready, control.Steady}},
		}},
		{"one ends, and registers later", []step{
			{[]control.CollectorStatus{runs, ended}, false, true, []control.AgentState{control.StartupFailed}},
			{[]control.CollectorStatus{runs, ended}, false, true, nil},
			{[]control.CollectorStatus{runs, ended}, true, true, []control.AgentState{control.StartupFailed}},
			{[]control.CollectorStatus{runs, again}, true, true, []control.AgentState{control.Ready, control.Steady}},
		}},
		{"what others start, and what is not to run, is not waited for", []step{
			{[]control.CollectorStatus{{Name: "x", State: control.CollectorAbsent, External: true}, {Name: "b", State: control.CollectorStopped, Since: time.Now()}, is("c", control.CollectorPaused, "")},
				false, true, []control.AgentState{control.Ready, control.Steady}},
		}},
		{"what is about to start is", []step{
			{[]control.CollectorStatus{is("b", control.CollectorStopped, ""), {Name: "x", State: control.CollectorAbsent, External: true}}, false, false, nil},
		}},
		{"one that opens its source is waited for", []step{
			{[]control.CollectorStatus{runs, opening(0)}, true, false, nil},
			{[]control.CollectorStatus{runs, again}, true, true, []control.AgentState{control.Ready, control.Steady}},
		}},
		{"one that never does is not waited for longer than it has the time", []step{
			{[]control.CollectorStatus{runs, opening(0)}, true, false, nil},
			{[]control.CollectorStatus{runs, opening(openTimeout)}, false, true, []control.AgentState{control.Ready, control.Steady}},
		}},
		{"one that registers late gets the state again", []step{
			{[]control.CollectorStatus{runs}, true, true, []control.AgentState{control.Ready, control.Steady}},
			{[]control.CollectorStatus{ended}, false, true, nil},
			{[]control.CollectorStatus{again}, true, true, []control.AgentState{control.Steady}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := begin()
			for i, s := range tt.steps {
				l.published = nil
				if got := l.Collectors(s.all, s.registered); got != s.decided {
					t.Errorf("step %d: decided is %v", i, got)
				}
				var got []control.AgentState
				for _, x := range l.published {
					got = append(got, x.State)
					if begin := x.State == control.Steady || x.State == control.StartupFailed; x.BeginMonitoring != begin || x.Since.IsZero() {
						t.Errorf("step %d: %+v", i, x)
					}
				}
				if diff := cmp.Diff(s.want, got); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}
