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
	// maxHeld is how many bytes of events are kept of what is gathered. What repeats beyond
	// it is gathered in the alert that stands for all others of its rule, which keeps one
	// event. Without it 200 programs with long command lines that 50 rules match hold 100 MB.
	maxHeld = 4 << 20
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
	held    int // bytes of the events of byKey
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
		r = f.many(k.rule)
	}
	if !f.keep(r, x, v) {
		if !r.many {
			r = f.many(k.rule)
		}
		if r.event == nil { // the one that is kept whatever there is
			f.put(r, x, v)
		}
	}
	if r.count++; r.count == 1 || v.Time().Before(r.first) {
		r.first = v.Time()
	}
	if now.Sub(r.handed) >= gatherFor {
		f.hand(r, now)
	}
}

// many returns what gathers all keys of a rule that have none of their own.
func (f *fold) many(rule *sigma.Head) *repeat {
	k := key{rule: rule, many: true}
	r := f.byKey[k]
	if r == nil {
		r = &repeat{many: true}
		f.byKey[k] = r
	}
	return r
}

// keep keeps the event as the last one of r, where there is room for it.
func (f *fold) keep(r *repeat, x *detect.Detection, v event.View) bool {
	if f.held-r.bytes()+len(v) > maxHeld {
		return r.event != nil // the one before stays
	}
	f.put(r, x, v)
	return true
}

func (f *fold) put(r *repeat, x *detect.Detection, v event.View) {
	f.held -= r.bytes()
	r.last = *x
	r.event = append(r.event[:0], v...)
	f.held += r.bytes()
}

// bytes is what r keeps.
func (r *repeat) bytes() int {
	n := len(r.event)
	if r.last.Fired != nil {
		for _, text := range r.last.Fired.Group {
			n += len(text)
		}
	}
	return n
}

// hand hands on what was gathered.
func (f *fold) hand(r *repeat, now time.Time) {
	count, last, v := r.count, r.last, event.View(r.event)
	f.held -= r.bytes()
	r.count, r.handed, r.last, r.event = 0, now, detect.Detection{}, nil
	f.raise(&last, v, count, r.first, r.many)
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
