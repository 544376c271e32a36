package life

import (
	"cmp"
	"time"
)

// scheduleRestart waits before the next process is started, or gives the collector up, as
// the budget has it.
func (l *Life) scheduleRestart(refused bool) {
	pause, ok := l.budget.spend(&l.o, refused)
	if !ok {
		l.do(Action{Do: WarnGaveUp, Reason: l.Reason, Wait: l.o.CoolDown})
		if l.missing {
			l.announce()
			l.note("was given up")
		}
		l.enterFor(GaveUp, l.o.CoolDown)
		return
	}
	l.do(Action{Do: WarnEnded, Reason: l.Reason, Wait: pause})
	l.enterFor(Waiting, pause)
	if !refused {
		l.Restarts++
	}
}

// budget is how many restarts a collector has left, and how long it waits for the next
// one.
type budget struct {
	spent int           // restarts in a row
	pause time.Duration // before the next one, at most; 0 is FirstBackoff
}

// spend takes one restart, and returns the pause before it; false when there is none left.
// The start of one that was refused takes no restart, because it did nothing wrong.
func (b *budget) spend(o *Options, refused bool) (pause time.Duration, ok bool) {
	if !refused {
		if b.spent >= o.MaxRestarts {
			return 0, false
		}
		b.spent++
	}
	most := cmp.Or(b.pause, o.FirstBackoff)
	b.pause = min(2*most, o.MaxBackoff)
	return most/2 + time.Duration(o.Random()*float64(most/2)), true
}
