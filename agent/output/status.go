package output

import (
	"fmt"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// lossAge is how long a loss counts for the health.
const lossAge = time.Minute

// Status is one output as an operator sees it.
type Status = control.OutputStatus

// status counts for one output. Safe for concurrent use.
type status struct {
	mu      sync.Mutex
	s       Status    // guarded by mu; without what is computed when it is read
	failing bool      // guarded by mu; the last attempt failed, and
	hint    string    // guarded by mu; what can be done about it
	waiting time.Time // guarded by mu; since when the cursor is not known, zero where it is
	since   time.Time // guarded by mu; when failing changed
	lossAt  time.Time // guarded by mu
	loss    string    // guarded by mu; what was lost then
}

func (t *status) sent(items []Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range items {
		switch items[i].Kind {
		case KindAlert, KindUpdate:
			t.s.Alerts++
		case KindMessage:
			t.s.Messages++
		}
	}
	t.s.LastSent = time.Now()
	if t.failing {
		t.failing, t.since = false, t.s.LastSent
	}
	t.s.NextTry = time.Time{}
}

// failed notes why an attempt failed.
func (t *status) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Failures++
	t.s.LastError, t.s.LastErrorAt = err.Error(), time.Now()
	t.hint = hintOf(err)
	if !t.failing {
		t.failing, t.since = true, t.s.LastErrorAt
	}
}

func (t *status) waits(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.NextTry = time.Now().Add(d)
}

func (t *status) at(cursor uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Cursor = cursor
}

func (t *status) cursor() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.s.Cursor
}

func (t *status) missed(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Missed += n
	t.lossAt, t.loss = time.Now(), fmt.Sprintf("%d lines of the journal fell out before they were sent: alerts.max_size and max_age bound how long a receiver may be down", n)
}

func (t *status) refused(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Refused++
	t.lossAt, t.loss = time.Now(), "the receiver refused an item, and got a notice instead: "+reason
}

// lostMessages sets how many messages the feed has lost.
func (t *status) lostMessages(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n > t.s.Lost {
		t.lossAt, t.loss = time.Now(), fmt.Sprintf("%d messages were lost in the bus: a larger queue of this output holds more, or ask for fewer topics", n-t.s.Lost)
	}
	t.s.Lost = n
}

// health judges. What was lost is worse than what is late.
func (t *status) health(now time.Time) control.Health {
	switch {
	case !t.lossAt.IsZero() && now.Sub(t.lossAt) < lossAge:
		return control.Health{State: control.Unhealthy, Reason: t.loss, Since: t.lossAt}
	case t.failing:
		text := fmt.Sprintf("not delivered since %s: %s (%s)", t.since.UTC().Format(time.RFC3339), t.s.LastError, t.hint)
		return control.Health{State: control.Degraded, Reason: text, Since: t.since}
	case !t.waiting.IsZero():
		text := ErrUnread.Error() + ": alerts of before it wait, later ones are sent (part alerts of the health says why it cannot)"
		return control.Health{State: control.Degraded, Reason: text, Since: t.waiting}
	}
	return control.Health{Since: t.since}
}

// unread notes whether the cursor is not known.
func (t *status) unread(unread bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !unread:
		t.waiting = time.Time{}
	case t.waiting.IsZero():
		t.waiting = time.Now()
	}
}

// describe notes what a Spec asks for.
func (t *status) describe(s *Spec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Name, t.s.Type, t.s.Target, t.s.Topics = s.Name, s.Type, s.Target, s.Topics
	if t.since.IsZero() {
		t.since = time.Now()
	}
}

// get returns the status. last is the last line of the journal.
func (t *status) get(last uint64, now time.Time) Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.Health = t.health(now)
	if last > s.Cursor {
		s.Lag = last - s.Cursor
	}
	return s
}
