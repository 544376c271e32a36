package life_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

// exact are the default times with pauses that have nothing random.
func exact() life.Options {
	return life.Options{Random: func() float64 { return 1 }}
}

// script is a life whose steps a test writes.
type script struct {
	t *testing.T
	l *life.Life
}

func begin(t *testing.T, o life.Options) script {
	s := script{t, life.New(o)}
	return s
}

// names are what actions are called in these tests.
var names = map[life.Do]string{
	life.Spawn: "spawn", life.Check: "check", life.Pause: "pause", life.Resume: "resume", life.Terminate: "terminate",
	life.Kill: "kill", life.Note: "note", life.Announce: "announce", life.Forget: "forget", life.WarnEnded: "warn ended", life.WarnGaveUp: "warn gave up",
	life.WarnSilent: "warn silent", life.WarnKilled: "warn killed", life.WarnStuck: "warn stuck",
}

// at has the event happen at a time, and holds what is to be done then, and the state.
func (s script) at(now time.Duration, e life.Event, state life.State, want ...string) {
	s.t.Helper()
	var got []string
	for _, a := range s.l.Step(now, e) {
		got = append(got, names[a.Do])
	}
	if diff := cmp.Diff(strings.Join(want, ", "), strings.Join(got, ", ")); diff != "" {
		s.t.Errorf("at %s (-want +got):\n%s", now, diff)
	}
	if s.l.State != state {
		s.t.Errorf("at %s it is %s, want %s", now, s.l.State, state)
	}
}

// running is a life that registered at 1 s.
func running(t *testing.T, o life.Options) script {
	s := begin(t, o)
	s.at(time.Second, wished(life.ToRun), life.Starting, "spawn")
	s.at(time.Second, event(life.Spawned), life.Starting)
	s.at(time.Second, event(life.Registered), life.Running)
	return s
}

func event(k life.Kind) life.Event         { return life.Event{Kind: k, Reason: "a reason"} }
func wished(w life.Wish) life.Event        { return life.Event{Kind: life.Wished, Wish: w, Operator: true} }
func answer(k life.Kind, n int) life.Event { return life.Event{Kind: k, Call: uint64(n), Reason: "no"} }

const second = time.Second

// TestAHangIsMendedInTime has a collector hang at the worst moment, just after a heartbeat,
// and ignore what it is asked.
func TestAHangIsMendedInTime(t *testing.T) {
	s := running(t, exact())
	s.at(2*second, event(life.Beaten), life.Running)
	hang := 2 * second
	s.at(hang+6500*time.Millisecond-1, event(life.Tick), life.Running)
	s.at(hang+6500*time.Millisecond, event(life.Tick), life.Unresponsive, "warn silent", "note", "check")
	s.at(hang+7500*time.Millisecond, answer(life.NotAnswered, 1), life.Stopping, "terminate")
	s.at(hang+8500*time.Millisecond, event(life.Tick), life.Killing, "warn killed", "kill")
	s.at(hang+8500*time.Millisecond, event(life.Exited), life.Waiting, "warn ended")
	s.at(hang+8700*time.Millisecond, event(life.Tick), life.Starting, "spawn")
	s.at(hang+9*second, event(life.Registered), life.Running)
	s.at(hang+9*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running, "announce")
	if s.l.Restarts != 1 || !strings.HasPrefix(s.l.Reason, "no heartbeat came for 6.5s, and no") {
		t.Errorf("%d restarts, %q", s.l.Restarts, s.l.Reason)
	}
}

func TestOneThatOnlyWasSlowGoesOn(t *testing.T) {
	for name, e := range map[string]life.Event{"it beats": event(life.Beaten), "it answers": answer(life.Answered, 1)} {
		last := 12 * second // its second heartbeat
		if e.Kind == life.Answered {
			last = 14 * second
		}
		t.Run(name, func(t *testing.T) {
			s := running(t, exact())
			s.at(10*second, event(life.Tick), life.Unresponsive, "warn silent", "note", "check")
			s.at(10*second+1, e, life.Running)
			s.at(last-second, event(life.Tick), life.Running)
			if last > 12*second {
				s.at(12*second, event(life.Beaten), life.Running)
			}
			s.at(last, event(life.Beaten), life.Running, "announce")
			if s.l.Restarts != 0 || s.l.Reason != "" {
				t.Errorf("%d restarts, %q", s.l.Restarts, s.l.Reason)
			}
		})
	}
}

func TestAPauseAndItsEnd(t *testing.T) {
	s := running(t, exact())
	paused := life.Event{Kind: life.Beaten, Paused: true}
	s.at(2*second, wished(life.ToPause), life.Running, "pause")
	s.at(2*second, event(life.Beaten), life.Running)
	s.at(2*second, answer(life.Answered, 1), life.Paused, "note")
	s.at(2*second, event(life.Beaten), life.Paused) // from before
	s.at(4*second, paused, life.Paused)
	s.at(6*second, paused, life.Paused)
	s.at(12*second, wished(life.ToRun), life.Paused, "resume")
	s.at(12*second, answer(life.Answered, 1), life.Paused) // to the call before
	s.at(12*second, answer(life.Answered, 2), life.Running, "forget")
	s.at(13*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running)
}

func TestAPausedCollectorThatHangsWasNotWatchedOverAllTheWhile(t *testing.T) {
	s := running(t, exact())
	s.at(2*second, wished(life.ToPause), life.Running, "pause")
	s.at(2*second, answer(life.Answered, 1), life.Paused, "note")
	s.at(11*second, event(life.Tick), life.Unresponsive, "warn silent", "check")
	s.at(11*second, life.Event{Kind: life.Beaten, Paused: true}, life.Paused)
	s.at(12*second, wished(life.ToRun), life.Paused, "resume")
	s.at(12*second, answer(life.Answered, 3), life.Running)
	s.at(13*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running, "announce")
}

func TestAPausedCollectorThatCrashesIsPausedAgain(t *testing.T) {
	s := running(t, exact())
	s.at(2*second, wished(life.ToPause), life.Running, "pause")
	s.at(2*second, answer(life.Answered, 1), life.Paused, "note")
	s.at(3*second, event(life.Exited), life.Waiting, "warn ended")
	s.at(4*second, event(life.Tick), life.Starting, "spawn")
	s.at(4*second, event(life.Registered), life.Running, "pause")
	s.at(4*second, answer(life.Answered, 2), life.Paused)
	s.at(5*second, wished(life.ToRun), life.Paused, "resume")
	s.at(5*second, answer(life.Answered, 3), life.Running)
	s.at(6*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running, "announce")
}

func TestWhatIsNotPausedOrDoesNotResume(t *testing.T) {
	s := running(t, exact())
	s.at(2*second, wished(life.ToPause), life.Running, "pause")
	s.at(2*second, answer(life.NotAnswered, 1), life.Running)
	if s.l.Wish != life.ToRun || s.l.Reason != "it was not paused: no" {
		t.Errorf("the wish is %v, the reason %q", s.l.Wish, s.l.Reason)
	}
	// Its heartbeats show that it was, twice: so it is asked to go on.
	paused := life.Event{Kind: life.Beaten, Paused: true}
	s.at(4*second, paused, life.Running)
	s.at(6*second, paused, life.Paused, "note", "resume")
	s.at(6*second, answer(life.NotAnswered, 2), life.Stopping, "terminate")
	s.at(6*second, event(life.Exited), life.Waiting, "warn ended")
	if s.l.Reason != "it did not resume: no" {
		t.Errorf("the reason is %q", s.l.Reason)
	}
}

func TestTheEndOfACollector(t *testing.T) {
	t.Run("that ends when it is asked", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, wished(life.ToStop), life.Stopping, "terminate")
		s.at(3*second, event(life.Exited), life.Stopped, "note")
		s.at(9*second, wished(life.ToRun), life.Starting, "spawn")
	})
	t.Run("that does not", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, life.Event{Kind: life.Wished, Wish: life.ToStop, Within: 5 * second}, life.Stopping, "terminate")
		s.at(7*second, event(life.Tick), life.Killing, "warn killed", "kill")
		s.at(7*second, event(life.Exited), life.Stopped, "note")
	})
	t.Run("that cannot be killed", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, event(life.KillWished), life.Killing, "kill")
		s.at(4*second, event(life.Tick), life.Stuck, "warn stuck")
		s.at(5*second, wished(life.ToRun), life.Stuck)
		s.at(time.Hour, event(life.Exited), life.Starting, "note", "spawn")
	})
	t.Run("that starts", func(t *testing.T) {
		s := begin(t, exact())
		s.at(second, wished(life.ToRun), life.Starting, "spawn")
		s.at(2*second, wished(life.ToStop), life.Stopping, "terminate")
		s.at(2*second, event(life.Registered), life.Stopping)
		s.at(3*second, event(life.Exited), life.Stopped)
	})
	t.Run("that is to start again meanwhile", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, wished(life.ToStop), life.Stopping, "terminate")
		s.at(2*second, life.Event{Kind: life.RestartWished, Operator: true}, life.Stopping)
		s.at(2*second, event(life.Exited), life.Starting, "note", "spawn")
	})
	t.Run("that does not register", func(t *testing.T) {
		s := begin(t, exact())
		s.at(second, wished(life.ToRun), life.Starting, "spawn")
		s.at(11*second, event(life.Tick), life.Stopping, "terminate")
		s.at(11*second, event(life.Exited), life.Waiting, "warn ended")
		if s.l.Reason != "did not register within 10s" {
			t.Errorf("reason %q", s.l.Reason)
		}
	})
	t.Run("that an operator restarts", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, life.Event{Kind: life.RestartWished, Operator: true}, life.Stopping, "terminate")
		s.at(2*second, event(life.Exited), life.Starting, "note", "spawn")
		s.at(2*second, event(life.Registered), life.Running)
		if s.l.Restarts != 0 {
			t.Errorf("%d restarts", s.l.Restarts)
		}
	})
	t.Run("that takes too much", func(t *testing.T) {
		s := running(t, exact())
		s.at(2*second, life.Event{Kind: life.Exceeded, Reason: "it is too fat"}, life.Stopping, "terminate")
		s.at(2*second, event(life.Exited), life.Waiting, "note", "warn ended")
		if s.l.Reason != "it is too fat" || s.l.Restarts != 1 {
			t.Errorf("reason %q, %d restarts", s.l.Reason, s.l.Restarts)
		}
	})
	t.Run("that could not be started", func(t *testing.T) {
		s := begin(t, exact())
		s.at(second, wished(life.ToRun), life.Starting, "spawn")
		s.at(second, event(life.NotSpawned), life.Waiting, "warn ended")
		if s.l.Reason != "start: a reason" {
			t.Errorf("reason %q", s.l.Reason)
		}
	})
}

func TestAnExternalCollectorIsNeverStartedNorKilled(t *testing.T) {
	o := exact()
	o.External = true
	s := begin(t, o)
	s.at(second, wished(life.ToRun), life.Absent)
	s.at(2*second, event(life.Registered), life.Running)
	s.at(9*second, event(life.Tick), life.Unresponsive, "warn silent", "note", "check")
	s.at(10*second, answer(life.NotAnswered, 1), life.Stopping, "terminate")
	s.at(11*second, event(life.Tick), life.Absent)
	s.at(20*second, event(life.Beaten), life.Running) // it only stood still
	s.at(22*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running, "announce")
	s.at(23*second, event(life.Deregistered), life.Absent, "note")
	s.at(24*second, event(life.Registered), life.Running)
	s.at(25*second, life.Event{Kind: life.Beaten, Collecting: true}, life.Running, "announce")
	s.at(26*second, wished(life.ToStop), life.Stopping, "terminate")
	s.at(28*second, event(life.Tick), life.Stopped, "note")
	s.at(29*second, event(life.Beaten), life.Stopped)
}
