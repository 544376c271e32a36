package live

import (
	"time"
)

// figures are what a Runner counts.
type figures struct {
	events, matches, alerts uint64
	invalid                 uint64 // messages that are no event
	gaps                    uint64 // losses that collectors announced
	ahead, late             uint64
	lost                    tally // by the queue
	evicted                 tally // state of correlations, as far as it was looked at
	forged                  tally
	forger                  string // who sent the last forged one, of each minute
	lag                     time.Duration
}

// tally counts something of which the last minute matters.
type tally struct {
	total  uint64
	recent uint64 // without a pause of a minute
	last   time.Time
}

// add counts n, and reports whether it is the first for a minute.
func (t *tally) add(n uint64, now time.Time) (first bool) {
	if first = now.Sub(t.last) >= time.Minute; first {
		t.recent = 0
	}
	t.total += n
	t.recent += n
	t.last = now
	return first
}

// now returns what was counted without a pause of a minute, 0 if the last is longer ago.
func (t *tally) now(now time.Time) uint64 {
	if now.Sub(t.last) >= time.Minute {
		return 0
	}
	return t.recent
}
