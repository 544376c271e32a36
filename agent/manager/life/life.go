package life

import (
	"cmp"
	"fmt"
	"time"
)

// Life is the life of one collector. One goroutine at a time.
type Life struct {
	State  State
	Since  time.Duration // when the state began
	Wish   Wish
	Reason string // why it ended last, or is being ended, or is not what it should be
	// Restarts counts them all, also those that were forgiven.
	Restarts int
	// Processes counts the processes that were started, and of an external one its
	// registrations.
	Processes int

	o        Options
	now      time.Duration
	deadline time.Duration // of the state; 0 for none
	out      []Action

	budget       budget
	isRegistered bool
	registered   time.Duration // when the process did, if it has
	within       time.Duration // StopTimeout, or that of the last wish to stop
	beat         time.Duration // when its last heartbeat came
	disagrees    bool          // that heartbeat was the opposite of State
	before       State         // Unresponsive: what it was, Running or Paused
	call         uint64        // the last one
	calling      Do            // what was asked for by the call that is open
	isCalling    bool
	ending       ending // of the process that is asked to end

	missing  bool // Note was the last of Note, Announce and Forget
	byItself bool // because it was paused: it announces that itself, as long as its process lives
	quiet    bool // a heartbeat came since it began to collect that was not Collecting
}

// New returns the life of a collector that nobody wants yet.
func New(o Options) *Life {
	o.setDefaults()
	return &Life{o: o}
}

// Next returns when Step has something to do though nothing happens; ok is false for
// never.
func (l *Life) Next() (at time.Duration, ok bool) {
	at = l.deadline
	if l.watched() {
		at = l.beat + l.o.silence()
	}
	return at, at != 0
}

// watched reports whether heartbeats must come.
func (l *Life) watched() bool {
	return l.o.Beat > 0 && (l.State == Running || l.State == Paused)
}

// Missing reports whether events are missed since the last Note.
func (l *Life) Missing() bool { return l.missing }

// Step takes what happened at now and returns what is to be done, in this order.
func (l *Life) Step(now time.Duration, e Event) []Action {
	l.now, l.out = now, nil
	l.handle(&e)
	l.checkDeadlines()
	l.reconcile()
	return l.out
}

// handle notes what happened.
func (l *Life) handle(e *Event) {
	switch e.Kind {
	case Wished:
		l.wish(e)
	case RestartWished:
		l.restart(e)
	case KillWished:
		l.wish(&Event{Wish: ToStop})
		if l.hasProcess() && l.State != Killing && l.State != Stuck {
			l.kill()
		}
	case Spawned:
	case NotSpawned:
		l.ended("start: "+e.Reason, e.Refused)
	case Exited:
		l.ended(e.Reason, e.Refused)
	case Registered:
		l.register(e)
	case Deregistered:
		l.deregister(e)
	case Beaten:
		l.beaten(e)
	case Answered, NotAnswered:
		if l.isCalling && e.Call == l.call {
			l.isCalling = false
			l.answered(e)
		}
	case Exceeded:
		if l.State == Running || l.State == Paused {
			l.end(ending{reason: e.Reason}, l.o.StopTimeout)
		}
	}
}

func (l *Life) wish(e *Event) {
	l.Wish, l.within = e.Wish, cmp.Or(e.Within, l.o.StopTimeout)
	if e.Operator && e.Wish != ToStop {
		l.forgive()
	}
	if e.Wish == ToStop && (l.State == Waiting || l.State == GaveUp || l.State == Absent) {
		l.enter(Stopped)
	}
}

// forgive gives all restarts back, and ends a wait.
func (l *Life) forgive() {
	l.budget = budget{}
	if l.State == Waiting || l.State == GaveUp {
		l.enter(Stopped)
	}
}

// restart ends the process, so that reconcile starts another.
func (l *Life) restart(e *Event) {
	if l.Wish == ToStop {
		l.Wish = ToRun
	}
	if e.Operator {
		l.forgive()
	}
	switch l.State {
	case Waiting, GaveUp:
		l.enter(Stopped) // what has changed may be what it failed for
	case Starting, Running, Paused, Unresponsive:
		l.end(ending{e.Reason, true}, l.o.StopTimeout)
	case Stopping, Killing, Stuck:
		l.ending.fresh = true
	}
}

// hasProcess reports whether a process is there, or one that is not ours.
func (l *Life) hasProcess() bool {
	switch l.State {
	case Stopped, Waiting, GaveUp, Absent:
		return false
	}
	return true
}

func (l *Life) enter(s State) {
	l.State, l.Since, l.deadline = s, l.now, 0
}

func (l *Life) enterFor(s State, after time.Duration) {
	l.enter(s)
	l.deadline = l.now + after
}

func (l *Life) do(a Action) { l.out = append(l.out, a) }

// ask begins a call. The answer to one before it counts no more.
func (l *Life) ask(what Do, within time.Duration) {
	l.call++
	l.calling, l.isCalling = what, true
	l.do(Action{Do: what, Wait: within, Call: l.call})
}

func (l *Life) deregister(e *Event) {
	switch l.State {
	case Running, Paused, Unresponsive, Stopping, Killing, Stuck:
	default:
		return
	}
	if l.o.External {
		l.ended(e.Reason, false)
		return
	}
	if l.State == Running || l.State == Paused || l.State == Unresponsive {
		l.end(ending{reason: e.Reason}, l.o.CallTimeout)
	}
}

// checkDeadlines does what is due by the time.
func (l *Life) checkDeadlines() {
	if l.watched() && l.now >= l.beat+l.o.silence() {
		l.before = l.State
		l.Reason = fmt.Sprintf("no heartbeat came for %s", l.o.silence())
		l.do(Action{Do: WarnSilent, Reason: l.Reason})
		l.note("did not respond")
		l.enterFor(Unresponsive, 2*l.o.CallTimeout) // of the answer, should it get lost
		l.ask(Check, l.o.CallTimeout)
		return
	}
	if l.deadline == 0 || l.now < l.deadline {
		return
	}
	switch l.State {
	case Starting:
		l.end(ending{reason: fmt.Sprintf("did not register within %s", l.o.RegisterTimeout)}, l.o.StopTimeout)
	case Unresponsive:
		l.end(ending{reason: l.Reason}, l.o.CallTimeout)
	case Stopping:
		if l.o.External {
			l.ended("it goes on though it was asked to end", false)
			return
		}
		l.do(Action{Do: WarnKilled, Reason: cmp.Or(l.ending.reason, "it was to stop")})
		l.kill()
	case Absent:
		l.deadline = 0
		l.Reason = "it has not registered"
	case Killing:
		l.do(Action{Do: WarnStuck})
		l.Reason = "it was killed, and its process is there still"
		if l.ending.reason != "" && !l.ending.fresh {
			l.Reason = l.ending.reason // why it was killed explains more
		}
		l.enter(Stuck)
	case Waiting, GaveUp:
		if l.State == GaveUp {
			l.Restarts++
		}
		l.enter(Stopped)
	}
}

// reconcile does the next step from what is to what is wished.
func (l *Life) reconcile() {
	switch l.State {
	case Stopped:
		if l.Wish == ToStop {
			return
		}
		if l.o.External {
			l.enterFor(Absent, l.o.RegisterTimeout)
			return
		}
		l.Processes++
		l.do(Action{Do: Spawn})
		l.enterFor(Starting, l.o.RegisterTimeout)
	case Starting, Unresponsive:
		if l.Wish == ToStop {
			l.end(ending{}, l.within)
		}
	case Running, Paused:
		switch {
		case l.Wish == ToStop:
			l.end(ending{}, l.within)
		case l.isCalling:
		case l.State == Running && l.Wish == ToPause:
			l.ask(Pause, l.o.StopTimeout)
		case l.State == Paused && l.Wish == ToRun:
			l.ask(Resume, l.o.StopTimeout)
		}
	}
}

// note records that events are missed from the last one on.
func (l *Life) note(reason string) {
	l.byItself = false
	if !l.missing {
		l.missing = true
		l.do(Action{Do: Note, Reason: reason})
	}
}

// announce reports that what was noted is over.
func (l *Life) announce() {
	if l.missing {
		l.missing = false
		l.do(Action{Do: Announce})
	}
}
