package live

import (
	"time"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// Bounds of what matches are made into alerts. To make one takes some 100 µs, which a
// flood must not have as often as it likes.
const (
	// gatherFor is how long repeats of an alert are gathered before they are handed on
	// together. The first one is handed on at once.
	gatherFor = time.Second
	// A rule may raise so many different alerts at once, and so many more a second. What
	// is beyond that is one alert, which counts.
	burst, perSecond = 200, 20
	// rememberFor is how long a key is remembered without a repeat.
	rememberFor = 10 * time.Second
)

// repeat is one key, and what has been gathered of it.
type repeat struct {
	many   bool      // it stands for all keys of its rule
	handed time.Time // when something was handed on
	count  uint64    // since then
	first  time.Time // of these, by the events
	last   detect.Detection
	event  []byte // of the last, a copy
}

// budget is how many different alerts a rule may raise.
type budget struct {
	left float64
	at   time.Time
}

// take takes one, if there is one.
func (b *budget) take(now time.Time) bool {
	if b.at.IsZero() {
		b.left = burst
	} else {
		b.left = min(burst, b.left+now.Sub(b.at).Seconds()*perSecond)
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// fold hands on the first of alerts that are the same, and gathers the others.
//
// One goroutine at a time.
type fold struct {
	byKey   map[key]*repeat
	budgets map[*sigma.Head]*budget
	// raise hands on an alert of a detection, which stands for count, the first of which
	// was at a time.
	raise func(x *detect.Detection, v event.View, count uint64, first time.Time, many bool)
}

func newFold(raise func(*detect.Detection, event.View, uint64, time.Time, bool)) *fold {
	return &fold{byKey: map[key]*repeat{}, budgets: map[*sigma.Head]*budget{}, raise: raise}
}

// add takes a detection with its key.
func (f *fold) add(k key, x *detect.Detection, v event.View, now time.Time) {
	r := f.byKey[k]
	if r == nil {
		b := f.budgets[k.rule]
		if b == nil {
			b = &budget{}
			f.budgets[k.rule] = b
		}
		if b.take(now) {
			f.byKey[k] = &repeat{handed: now}
			f.raise(x, v, 1, v.Time(), false)
			return
		}
		k = key{rule: k.rule, many: true}
		if r = f.byKey[k]; r == nil {
			r = &repeat{many: true}
			f.byKey[k] = r
		}
	}
	if r.count++; r.count == 1 || v.Time().Before(r.first) {
		r.first = v.Time()
	}
	r.last = *x
	r.event = append(r.event[:0], v...)
	if now.Sub(r.handed) >= gatherFor {
		f.hand(r, now)
	}
}

// hand hands on what was gathered.
func (f *fold) hand(r *repeat, now time.Time) {
	count := r.count
	r.count, r.handed = 0, now
	f.raise(&r.last, event.View(r.event), count, r.first, r.many)
	r.last = detect.Detection{}
}

// flush hands on what was gathered for long enough, or all of it, and forgets keys that
// had no repeat.
func (f *fold) flush(now time.Time, all bool) {
	for k, r := range f.byKey {
		switch since := now.Sub(r.handed); {
		case r.count > 0 && (all || since >= gatherFor):
			f.hand(r, now)
		case r.count == 0 && since >= rememberFor:
			delete(f.byKey, k)
		}
	}
	for h, b := range f.budgets {
		if now.Sub(b.at).Seconds()*perSecond >= burst {
			delete(f.budgets, h)
		}
	}
}
