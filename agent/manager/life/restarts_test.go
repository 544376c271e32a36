package life_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

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
		{"the merit of one that was stable does not count for those that never register", o,
			[]end{{long, false, second}, {0, false, 2 * second}, {0, false, 3 * second}, {0, false, 0}}},
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
