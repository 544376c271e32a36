package store

import (
	"container/list"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
)

// fold counts the repeats of one alert.
type fold struct {
	key, rule string
	brief     *alert.Alert // as the last line has it; the count and the last time below are newer
	count     uint64
	last      time.Time
	// due is when the count is to be written, the zero time where it is; every is how long
	// after the last time.
	due   time.Time
	every time.Duration
	// raised means that the line that raises the alert has its number.
	raised bool
	at     *list.Element // in the list of its rule
}

// The time between two lines about the same alert grows while it repeats: so a flood of one
// event costs a line a minute.
const (
	firstRepeat = time.Second
	lastRepeat  = time.Minute
)

// foldTable are the alerts that count repeats, in bounded number. A rule may have a quarter
// of them, so that no rule takes the room of the others.
//
// One goroutine at a time.
type foldTable struct {
	max     int
	byKey   map[string]*fold
	byRule  map[string]*list.List // of *fold, the one that was used last in front
	evicted uint64
}

func newFoldTable(limit int) *foldTable {
	return &foldTable{max: limit, byKey: map[string]*fold{}, byRule: map[string]*list.List{}}
}

// get returns the fold that counts alerts with that key now, nil for none.
func (t *foldTable) get(key string, now time.Time) *fold {
	f := t.byKey[key]
	if f == nil || !within(now, f.brief.Raised, f.brief.FoldFor) {
		return nil
	}
	return f
}

// repeat counts n more events.
func (t *foldTable) repeat(f *fold, n uint64, last, now time.Time) {
	f.count += n
	if last.After(f.last) {
		f.last = last
	}
	if f.due.IsZero() {
		f.due = now.Add(f.every)
	}
	t.byRule[f.rule].MoveToFront(f.at)
}

// add puts a fold in. It returns those that had to go for it: their counts are to be
// written.
func (t *foldTable) add(f *fold) (out []*fold) {
	if old := t.byKey[f.key]; old != nil {
		t.remove(old)
		out = append(out, old)
	}
	l := t.byRule[f.rule]
	if l == nil {
		l = list.New()
	}
	for l.Len() >= max(t.max/4, 1) {
		out = append(out, t.evict(l))
	}
	for len(t.byKey) >= t.max {
		out = append(out, t.evict(t.longest()))
	}
	t.byRule[f.rule] = l // it was removed where it became empty
	f.at = l.PushFront(f)
	f.every = max(f.every, firstRepeat)
	t.byKey[f.key] = f
	return out
}

func (t *foldTable) longest() (most *list.List) {
	for _, l := range t.byRule {
		if most == nil || l.Len() > most.Len() {
			most = l
		}
	}
	return most
}

func (t *foldTable) evict(l *list.List) *fold {
	f := l.Back().Value.(*fold)
	t.remove(f)
	t.evicted++
	return f
}

func (t *foldTable) remove(f *fold) {
	if t.byKey[f.key] != f {
		return
	}
	delete(t.byKey, f.key)
	l := t.byRule[f.rule]
	l.Remove(f.at)
	if l.Len() == 0 {
		delete(t.byRule, f.rule)
	}
}

// over removes and returns the folds whose time is over.
func (t *foldTable) over(now time.Time) (all []*fold) {
	for _, f := range t.byKey {
		if !within(now, f.brief.Raised, f.brief.FoldFor) {
			all = append(all, f)
		}
	}
	for _, f := range all {
		t.remove(f)
	}
	return all
}

// due returns the folds whose count is to be written, or with all each that has one.
func (t *foldTable) due(now time.Time, all bool) (due []*fold) {
	for _, f := range t.byKey {
		if f.raised && !f.due.IsZero() && (all || !now.Before(f.due) || f.due.Sub(now) > lastRepeat) {
			due = append(due, f)
		}
	}
	return due
}

// written notes that the count is in a line.
func (f *fold) written() {
	f.due = time.Time{}
	f.every = min(2*f.every, lastRepeat)
}
