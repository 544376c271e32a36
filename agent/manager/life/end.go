package life

import (
	"cmp"
	"time"
)

// ending is why a process is asked to end.
type ending struct {
	reason string // empty: by wish
	fresh  bool   // it is started again at once, and takes no restart
}

// end asks the process to end.
func (l *Life) end(why ending, within time.Duration) {
	l.ending, l.isCalling = why, false
	if why.reason != "" && !why.fresh {
		l.Reason = why.reason
	}
	l.do(Action{Do: Terminate, Reason: why.reason, Wait: within})
	l.enterFor(Stopping, within)
}

func (l *Life) kill() {
	l.isCalling = false
	l.do(Action{Do: Kill})
	l.enterFor(Killing, l.o.KillTimeout)
}

// ended notes that the process is gone.
func (l *Life) ended(how string, refused bool) {
	if !l.hasProcess() {
		return
	}
	wanted := l.State == Stopping || l.State == Killing || l.State == Stuck // that it ends
	why := l.ending
	reason := how
	if wanted {
		reason = cmp.Or(why.reason, l.Reason)
	}
	if l.isRegistered {
		switch {
		case !wanted:
			l.note("ended: " + how)
		case why.reason == "":
			l.note("was stopped")
		default:
			l.note("was ended: " + why.reason)
		}
		if l.now-l.registered >= l.o.StableAfter {
			l.budget = budget{}
		}
	}
	l.isRegistered, l.ending, l.isCalling = false, ending{}, false
	switch {
	case wanted && (l.Wish == ToStop || why.fresh || why.reason == ""):
		l.enter(Stopped)
	case l.o.External:
		l.Reason = reason
		l.enter(Absent)
	case l.Wish == ToStop:
		l.Reason = reason
		l.enter(Stopped)
	default:
		l.Reason = reason
		l.scheduleRestart(refused)
	}
}
