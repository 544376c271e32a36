package life_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

// world is what a life acts on: a process, or none.
type world struct {
	t     *rapid.T
	l     *life.Life
	now   time.Duration
	alive bool
	ready bool // it has registered

	pausedItself  bool
	asked, killed bool
	calls         []life.Action // open
	noted         bool
}

// step has the event happen, and holds what must hold at any time.
func (w *world) step(e life.Event) {
	for _, a := range w.l.Step(w.now, e) {
		w.do(a)
	}
	_, waits := w.l.Next()
	switch w.l.State {
	case life.Stopped:
		if w.alive {
			w.t.Fatalf("it is %s, and its process is there", w.l.State)
		}
		if w.l.Wish != life.ToStop {
			w.t.Fatalf("it is %s and is wished to run", w.l.State)
		}
	case life.Waiting, life.GaveUp:
		if w.alive || !waits {
			w.t.Fatalf("it is %s, its process is there: %v, it waits for a time: %v", w.l.State, w.alive, waits)
		}
	case life.Stuck:
		if !w.alive {
			w.t.Fatal("it cannot be killed, and is not there")
		}
	default:
		if !w.alive || !waits {
			w.t.Fatalf("it is %s, its process is there: %v, it waits for a time: %v", w.l.State, w.alive, waits)
		}
	}
	if w.noted != w.l.Missing() {
		w.t.Fatalf("events are missed: %v, and what was said is %v", w.l.Missing(), w.noted)
	}
}

func (w *world) do(a life.Action) {
	switch a.Do {
	case life.Spawn:
		if w.alive {
			w.t.Fatal("a second process is started")
		}
		w.alive, w.ready, w.asked, w.killed, w.pausedItself, w.calls = true, false, false, false, false, nil
	case life.Terminate, life.Kill:
		if !w.alive {
			w.t.Fatal("a process is to end that is not there")
		}
		w.asked = true
		w.killed = w.killed || a.Do == life.Kill
	case life.Check, life.Pause, life.Resume:
		if !w.ready || !w.alive {
			w.t.Fatal("one is asked that is not there")
		}
		w.calls = append(w.calls, a)
	case life.Note:
		if w.noted {
			w.t.Fatal("what is missed is noted twice")
		}
		w.noted = true
	case life.Announce, life.Forget:
		if !w.noted {
			w.t.Fatal("what was not missed is announced")
		}
		w.noted = false
	}
}

// answer answers the oldest call.
func (w *world) answer(ok bool) {
	if len(w.calls) == 0 {
		return
	}
	a := w.calls[0]
	w.calls = w.calls[1:]
	e := life.Event{Kind: life.NotAnswered, Call: a.Call, Reason: "no"}
	if ok {
		e.Kind = life.Answered
		if a.Do != life.Check {
			w.pausedItself = a.Do == life.Pause
		}
	}
	w.step(e)
}

func (w *world) exit(refused bool) {
	if w.alive {
		w.alive, w.ready, w.calls = false, false, nil
		w.step(life.Event{Kind: life.Exited, Reason: "exit", Refused: refused})
	}
}

func (w *world) beat() {
	if w.ready {
		w.step(life.Event{Kind: life.Beaten, Paused: w.pausedItself, Collecting: !w.pausedItself})
	}
}

// settle has everything go well for a while.
func (w *world) settle() {
	for range 40 * 60 {
		w.now += 250 * time.Millisecond
		switch {
		case w.asked && w.alive:
			w.exit(false)
		case w.alive && !w.ready:
			w.ready = true
			w.step(life.Event{Kind: life.Registered})
		}
		for len(w.calls) > 0 {
			w.answer(true)
		}
		w.beat()
		w.step(life.Event{Kind: life.Tick})
	}
}

// TestWhateverHappensALifeComesWhereItIsWished has anything happen in any order: there is
// never a second process, no life waits for nothing, what is missed is announced, and in the
// end, when all goes well again, the collector is what it should be.
func TestWhateverHappensALifeComesWhereItIsWished(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, l: life.New(life.Options{MaxRestarts: rapid.IntRange(-1, 3).Draw(t, "restarts")}), now: time.Second}
		wish := func(name string) life.Wish {
			return rapid.SampledFrom([]life.Wish{life.ToStop, life.ToRun, life.ToPause}).Draw(t, name)
		}
		t.Repeat(map[string]func(*rapid.T){
			"wish":    func(*rapid.T) { w.step(life.Event{Kind: life.Wished, Wish: wish("wish"), Operator: true}) },
			"restart": func(*rapid.T) { w.step(life.Event{Kind: life.RestartWished, Reason: "r"}) },
			"kill":    func(*rapid.T) { w.step(life.Event{Kind: life.KillWished}) },
			"register": func(*rapid.T) {
				if w.alive {
					w.ready = true
					w.step(life.Event{Kind: life.Registered, Paused: w.pausedItself})
				}
			},
			"not started": func(*rapid.T) {
				if w.alive && !w.ready && w.l.State == life.Starting {
					w.alive = false
					w.step(life.Event{Kind: life.NotSpawned, Reason: "n"})
				}
			},
			"exit":       func(*rapid.T) { w.exit(rapid.Bool().Draw(t, "refused")) },
			"beat":       func(*rapid.T) { w.beat() },
			"answer":     func(*rapid.T) { w.answer(rapid.Bool().Draw(t, "ok")) },
			"exceed":     func(*rapid.T) { w.step(life.Event{Kind: life.Exceeded, Reason: "x"}) },
			"deregister": func(*rapid.T) { w.step(life.Event{Kind: life.Deregistered, Reason: "d"}) },
			"time": func(*rapid.T) {
				w.now += time.Duration(rapid.IntRange(1, 10_000).Draw(t, "ms")) * time.Millisecond
				w.step(life.Event{Kind: life.Tick})
			},
		})
		last := wish("last wish")
		w.step(life.Event{Kind: life.Wished, Wish: last, Operator: true})
		w.settle()
		want := map[life.Wish]life.State{life.ToStop: life.Stopped, life.ToRun: life.Running, life.ToPause: life.Paused}[last]
		if w.l.State != want {
			t.Fatalf("in the end it is %s, want %s", w.l.State, want)
		}
		if w.l.State == life.Running && w.noted {
			t.Fatal("what was missed is not announced")
		}
	})
}
