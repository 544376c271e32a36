package agent

import (
	"fmt"
	"slices"
	"time"
)

// gap is a loss that a collector announced.
type gap struct {
	at     time.Time
	lost   uint64 // 0 when that is not known
	reason string
}

// gaps are the losses of the last minute, by the source of the announcement.
type gaps map[uint32][]gap

// maxGaps bounds what is kept of a source. What is announced beyond that counts
// as one with the last.
const maxGaps = 64

func (g gaps) add(source uint32, x gap) {
	for s := range g {
		g.expire(s, x.at)
	}
	all := g[source]
	if n := len(all); n == maxGaps {
		x.lost += all[n-1].lost
		all = all[:n-1]
	}
	g[source] = append(all, x)
}

func (g gaps) expire(source uint32, now time.Time) {
	g[source] = slices.DeleteFunc(g[source], func(x gap) bool { return now.Sub(x.at) >= time.Minute })
	if len(g[source]) == 0 {
		delete(g, source)
	}
}

// text says what a source lost in the last minute; it is empty for nothing.
func (g gaps) text(source uint32, now time.Time) string {
	g.expire(source, now)
	all := g[source]
	if len(all) == 0 {
		return ""
	}
	lost := uint64(0)
	for _, x := range all {
		lost += x.lost
	}
	what := "events were"
	switch {
	case lost == 1:
		what = "1 event was"
	case lost > 1:
		what = fmt.Sprintf("%d events were", lost)
	}
	return fmt.Sprintf("%s lost in the last minute: %s", what, all[len(all)-1].reason)
}
