package manager_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// awaitAll returns the collectors when each is in the state that is wanted of it.
func (r *running) awaitAll(want map[string]control.CollectorState) map[string]control.CollectorStatus {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		got, all := map[string]control.CollectorState{}, map[string]control.CollectorStatus{}
		for _, s := range r.m.Status() {
			got[s.Name], all[s.Name] = s.State, s
		}
		if cmp.Equal(want, got) {
			return all
		}
		select {
		case <-r.changes:
		case <-timeout:
			r.t.Fatalf("collectors (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}

// TestApplyTouchesWhatHasChangedOnly adds, removes and changes collectors; the process of
// one that did not change stays.
func TestApplyTouchesWhatHasChangedOnly(t *testing.T) {
	run_ := control.CollectorRunning
	changed := manager.Spec{Config: control.ChildConfig{Collector: "changed"}}
	limited := manager.Spec{Config: control.ChildConfig{Collector: "limited"}}
	same := manager.Spec{Config: control.ChildConfig{Collector: "same"}}
	r := run(t, manager.Options{})
	if got := r.apply(changed, limited, same, specs("old")[0]); !cmp.Equal(got, manager.Applied{Added: []string{"changed", "limited", "old", "same"}}) {
		t.Errorf("applied %+v", got)
	}
	first := r.awaitAll(map[string]control.CollectorState{"changed": run_, "limited": run_, "same": run_, "old": run_})
	changed.Config.HostID = "another"
	limited.Limits = life.Limits{RSS: 1 << 40}
	want := manager.Applied{Added: []string{"new"}, Removed: []string{"old"}, Changed: []string{"changed", "limited"}, Restarted: []string{"changed"}}
	if diff := cmp.Diff(want, r.apply(changed, limited, same, specs("new")[0])); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	second := r.awaitAll(map[string]control.CollectorState{"changed": run_, "limited": run_, "same": run_, "new": run_})
	for name, stays := range map[string]bool{"changed": false, "limited": true, "same": true} {
		if (first[name].PID == second[name].PID) != stays {
			t.Errorf("%s was pid %d, and is pid %d", name, first[name].PID, second[name].PID)
		}
	}
	if s := second["changed"]; s.Restarts != 0 {
		t.Errorf("a change counts as a restart: %+v", s)
	}
	r.checkGone(first["old"].PID)
	if got := r.apply(changed, limited, same, specs("new")[0]); !cmp.Equal(got, manager.Applied{}) {
		t.Errorf("the same again: %+v", got)
	}
}

// TestOneThatIsRemovedAndComesBackRunsAgain also when it has not ended yet.
func TestOneThatIsRemovedAndComesBackRunsAgain(t *testing.T) {
	o := manager.Options{Life: life.Options{StopTimeout: 20 * time.Millisecond}}
	r := run(t, o, "stubborn")
	first := r.await(control.CollectorRunning)
	r.apply()
	r.apply(specs("stubborn")...)
	second := r.awaitAny(control.CollectorRunning)
	if second.PID == first.PID {
		second = r.await(control.CollectorRunning)
	}
	r.checkGone(first.PID)
	r.apply()
	r.awaitAll(map[string]control.CollectorState{})
	r.checkGone(second.PID)
}

// TestWhatAnOperatorWishedStays: a reload does not start a collector that an operator has
// stopped.
func TestWhatAnOperatorWishedStays(t *testing.T) {
	r := run(t, manager.Options{}, "good")
	r.await(control.CollectorRunning)
	if _, err := r.m.Stop(t.Context(), "good", 0); err != nil {
		t.Fatal(err)
	}
	s := specs("good")
	s[0].Config.HostID = "another"
	r.apply(s...)
	if got := r.m.Status()[0]; got.State != control.CollectorStopped {
		t.Errorf("it is %+v", got)
	}
}

// TestOneOfOursBecomesExternal, and the reverse: one ends before the other begins.
func TestOneOfOursBecomesExternal(t *testing.T) {
	r := run(t, manager.Options{}, "good")
	first := r.await(control.CollectorRunning)
	external := specs("good")
	external[0].External = &manager.External{UID: 7}
	r.apply(external...)
	r.awaitAll(map[string]control.CollectorState{"good": control.CollectorAbsent})
	r.checkGone(first.PID)
	if x, ok := r.m.External("good"); !ok || x.UID != 7 || !r.m.ExternalUser(7) || r.m.ExternalUser(8) {
		t.Errorf("the external collector is %+v, %v", x, ok)
	}
	r.apply(specs("good")...)
	r.awaitAll(map[string]control.CollectorState{"good": control.CollectorRunning})
	if _, ok := r.m.External("good"); ok {
		t.Error("the collector of before is admitted still")
	}
}
