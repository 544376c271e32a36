package life

import "time"

// Anew has the heartbeats that were missed count for nothing, because the agent itself stood
// still and could not notice them.
func (l *Life) Anew(now time.Duration) { l.beat = now }

// register notes that the process is ready.
func (l *Life) register(e *Event) {
	switch l.State {
	case Starting:
	case Stopped, Absent:
		if !l.o.External {
			return
		}
		l.Processes++
	default:
		return // again, or of one that is being ended
	}
	l.isRegistered, l.disagrees, l.isCalling = true, false, false
	l.registered, l.beat = l.now, l.now
	if l.o.External {
		l.Reason = ""
	}
	l.collecting(e.Paused)
	if l.o.Beat < 0 && l.State == Running {
		l.announce()
	}
}

// collecting enters Running or Paused.
func (l *Life) collecting(paused bool) {
	l.quiet = false
	if !paused {
		l.enter(Running)
		if l.missing && l.byItself {
			l.missing = false
			l.do(Action{Do: Forget})
		}
		return
	}
	l.enter(Paused)
	if !l.missing {
		l.note("was paused")
		l.byItself = true
	}
}

func (l *Life) beaten(e *Event) {
	switch l.State {
	case Unresponsive:
		l.beat = l.now
		l.recover()
	case Absent:
		l.register(e) // it came back
		return
	case Running, Paused:
		l.beat = l.now
	default:
		return
	}
	// One heartbeat may be from before a pause took effect.
	disagrees := e.Paused != (l.State == Paused)
	if disagrees && l.disagrees && !l.isCalling {
		l.collecting(e.Paused)
		disagrees = false
	}
	l.disagrees = disagrees
	if l.State != Running || !l.missing {
		return
	}
	if e.Collecting || l.quiet {
		l.announce()
	}
	l.quiet = true
}

// recover ends what was unresponsive.
func (l *Life) recover() {
	l.isCalling = false
	l.Reason = ""
	l.collecting(l.before == Paused)
}

func (l *Life) answered(e *Event) {
	ok := e.Kind == Answered
	switch {
	case l.State == Unresponsive && ok:
		l.beat = l.now // it does not beat, but it answers
		l.recover()
	case l.State == Unresponsive:
		l.end(ending{reason: l.Reason + ", and " + e.Reason}, l.o.CallTimeout)
	case l.calling == Pause && l.State == Running:
		if ok {
			l.collecting(true)
			return
		}
		l.Wish, l.Reason = ToRun, "it was not paused: "+e.Reason
	case l.calling == Resume && l.State == Paused:
		if ok {
			l.collecting(false)
			if l.o.Beat < 0 {
				l.announce()
			}
			return
		}
		l.end(ending{reason: "it did not resume: " + e.Reason}, l.o.StopTimeout)
	}
}
