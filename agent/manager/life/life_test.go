package life_test

import (
	"fmt"
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
	// Its heartbeats say that it was, twice: so it is asked to go on.
	paused := life.Event{Kind: life.Beaten, Paused: true}
	s.at(4*second, paused, life.Running)
	s.at(6*second, paused, life.Paused, "note", "resume")
	s.at(6*second, answer(life.NotAnswered, 2), life.Stopping, "terminate")
	s.at(6*second, event(life.Exited), life.Waiting, "warn ended")
	if s.l.Reason != "it did not resume: no" {
		t.Errorf("the reason is %q", s.l.Reason)
	}
}

func TestTheRestartsOfOneThatCrashes(t *testing.T) {
	const short, long = time.Second, time.Minute
	type end struct {
		served  time.Duration // 0: it never registered
		refused bool
		want    time.Duration // the pause after it; 0: it is given up
	}
	o := exact()
	o.MaxRestarts, o.FirstBackoff, o.MaxBackoff = 3, second, 3*second
	none := o
	none.MaxRestarts = -1
	usual := exact()
	usual.MaxBackoff = 400 * time.Millisecond
	tests := []struct {
		name string
		o    life.Options
		ends []end
	}{
		{"the pause doubles up to its bound, then it is given up", o,
			[]end{{short, false, second}, {short, false, 2 * second}, {short, false, 3 * second}, {short, false, 0}}},
		{"one that never registered was not stable", o,
			[]end{{0, false, second}, {0, false, 2 * second}, {0, false, 3 * second}, {0, false, 0}}},
		{"one that was stable begins anew", o,
			[]end{{short, false, second}, {short, false, 2 * second}, {long, false, second}, {short, false, 2 * second}}},
		{"even when nothing was left", o,
			[]end{{short, false, second}, {short, false, 2 * second}, {short, false, 3 * second}, {long, false, second}}},
		{"a refusal takes no restart", o, []end{
			{0, true, second}, {0, true, 2 * second}, {0, true, 3 * second}, {0, true, 3 * second}, {0, true, 3 * second},
			{0, false, 3 * second}, {0, false, 3 * second}, {0, false, 3 * second}, {0, false, 0},
		}},
		{"a negative number of restarts is none", none, []end{{short, false, 0}}},
		{"five restarts by default", usual, []end{
			{0, false, 200 * time.Millisecond}, {0, false, 400 * time.Millisecond}, {0, false, 400 * time.Millisecond},
			{0, false, 400 * time.Millisecond}, {0, false, 400 * time.Millisecond}, {0, false, 0},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Beat = -1
			l, now := life.New(tt.o), second
			l.Step(now, wished(life.ToRun))
			for i, end := range tt.ends {
				if end.served > 0 {
					l.Step(now, event(life.Registered))
					now += end.served
				}
				l.Step(now, life.Event{Kind: life.Exited, Refused: end.refused})
				at, _ := l.Next()
				state, pause := life.Waiting, end.want
				if pause == 0 {
					state, pause = life.GaveUp, 5*time.Minute
				}
				if l.State != state || at-now != pause {
					t.Errorf("end %d: it is %s for %s, want %s for %s", i+1, l.State, at-now, state, pause)
				}
				now = at
				l.Step(now, event(life.Tick))
			}
		})
	}
}

func TestGivenUpIsNotForEver(t *testing.T) {
	o := exact()
	o.MaxRestarts = -1
	gaveUp := func() script {
		s := running(t, o)
		s.at(2*second, event(life.Exited), life.GaveUp, "note", "warn gave up", "announce", "note")
		return s
	}
	t.Run("it is tried again after a while", func(t *testing.T) {
		s := gaveUp()
		s.at(5*time.Minute+2*second-1, event(life.Tick), life.GaveUp)
		s.at(5*time.Minute+2*second, event(life.Tick), life.Starting, "spawn")
		s.at(5*time.Minute+3*second, event(life.Exited), life.GaveUp, "warn gave up", "announce", "note")
	})
	t.Run("at once, when an operator restarts it, and has its restarts again", func(t *testing.T) {
		one := exact()
		one.MaxRestarts = 1
		s := running(t, one)
		s.at(2*second, event(life.Exited), life.Waiting, "note", "warn ended")
		s.at(3*second, event(life.Tick), life.Starting, "spawn")
		s.at(3*second, event(life.Exited), life.GaveUp, "warn gave up", "announce", "note")
		s.at(4*second, life.Event{Kind: life.RestartWished, Operator: true}, life.Starting, "spawn")
		s.at(4*second, event(life.Exited), life.Waiting, "warn ended")
	})
	t.Run("an operator may stop it", func(t *testing.T) {
		s := gaveUp()
		s.at(3*second, wished(life.ToStop), life.Stopped)
		if at, ok := s.l.Next(); ok {
			t.Errorf("it waits for %s", at)
		}
	})
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

func TestTimeInWhichTheAgentStoodStillDoesNotCount(t *testing.T) {
	var c life.Clock
	start := time.Now()
	read := func(after, awake, stood time.Duration) {
		t.Helper()
		if a, s := c.Read(start.Add(after)); a != awake || s != stood {
			t.Errorf("after %s: awake %s, stood %s; want %s, %s", after, a, s, awake, stood)
		}
	}
	read(0, 0, 0)
	read(500*time.Millisecond, 500*time.Millisecond, 0)
	read(60*second, 500*time.Millisecond+life.MaxStep, 59500*time.Millisecond-life.MaxStep)
	read(59*second, 500*time.Millisecond+life.MaxStep, 0) // time does not run back
}

func TestLimits(t *testing.T) {
	cpu, rss := 90.0, uint64(200<<20)
	l := life.Limits{CPUPercent: 50, RSS: 100 << 20}
	tests := []struct {
		name     string
		measured []func(*life.Excess) life.Verdict
		want     string
	}{
		{"within", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(life.Limits{}, &cpu, &rss) },
		}, "-"},
		{"not known", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, nil) },
		}, "-"},
		{"memory", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
		}, "warn, over, restart: it takes 200 MiB of memory, the limit is 100 MiB"},
		{"processor, with a rest", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, &cpu, nil) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, nil) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, &cpu, nil) },
		}, "warn, -, warn: it takes 90 % of a core, the limit is 50 %"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var x life.Excess
			var got []string
			var last life.Verdict
			for _, m := range tt.measured {
				last = m(&x)
				switch {
				case last.Restart:
					got = append(got, "restart")
				case last.Warn:
					got = append(got, "warn")
				case last.Reason != "":
					got = append(got, "over")
				default:
					got = append(got, "-")
				}
			}
			text := strings.Join(got, ", ")
			if last.Reason != "" {
				text += fmt.Sprintf(": %s", last.Reason)
			}
			if text != tt.want {
				t.Errorf("%q, want %q", text, tt.want)
			}
		})
	}
}
