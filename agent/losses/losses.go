// Package losses keeps what collectors have lost lately of their events.
package losses

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/router"
)

// loss is one that a collector announced.
type loss struct {
	at    time.Time
	lost  uint64 // 0 when that is not known
	unit  string // what lost counts, such as events
	cause string
}

// newLoss makes a loss of an announcement, whose reason is of the form "UNIT: CAUSE".
func newLoss(at time.Time, lost uint64, reason string) loss {
	unit, cause, ok := strings.Cut(reason, ": ")
	if !ok {
		unit, cause = "records", reason
	}
	return loss{at, lost, unit, cause}
}

// Recent are the losses of the last minute that collectors announced, or the manager
// for them, by collector. The zero Recent is ready for use.
//
// Safe for concurrent use.
type Recent struct {
	mu     sync.Mutex
	byName map[string][]loss // guarded by mu; oldest first
}

// maxLosses bounds what is kept of a collector. A loss beyond that is added to the last
// one of its unit, or else the oldest is forgotten.
const maxLosses = 64

// OnMessage handles a message of a gap topic. registered returns which collector published
// it: what others publish there counts for nothing.
func (g *Recent) OnMessage(m *router.Message, now time.Time, registered func(source uint32) (string, bool)) {
	if m.Gap != nil {
		return // announcements were lost; their collectors go on counting in the next one
	}
	name, ok := registered(m.Frame.Source())
	if !ok {
		return
	}
	v, err := event.Parse(m.Payload)
	if err != nil {
		return
	}
	if x, ok := event.Copy[event.Loss](v); ok {
		g.Add(name, now, x.Body.Lost, x.Body.Reason)
	}
}

// Add keeps a loss of a collector. The reason is of the form "UNIT: CAUSE".
func (g *Recent) Add(name string, at time.Time, lost uint64, reason string) {
	x := newLoss(at, lost, reason)
	g.mu.Lock()
	defer g.mu.Unlock()
	for n := range g.byName {
		g.expire(n, x.at)
	}
	if g.byName == nil {
		g.byName = make(map[string][]loss)
	}
	all := g.byName[name]
	if len(all) == maxLosses {
		i := len(all) - 1
		for i > 0 && all[i].unit != x.unit {
			i--
		}
		if all[i].unit == x.unit {
			x.lost += all[i].lost
		}
		all = slices.Delete(all, i, i+1)
	}
	g.byName[name] = append(all, x)
}

// expire forgets what is older than a minute. mu is held.
func (g *Recent) expire(name string, now time.Time) {
	left := slices.DeleteFunc(g.byName[name], func(x loss) bool { return now.Sub(x.at) >= time.Minute })
	if len(left) == 0 {
		delete(g.byName, name)
		return
	}
	g.byName[name] = left
}

// Text returns what a collector lost in the last minute, unit by unit, with the latest
// cause of each; it is empty for nothing.
func (g *Recent) Text(name string, now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire(name, now)
	var sums []loss
	for _, x := range g.byName[name] {
		i := slices.IndexFunc(sums, func(s loss) bool { return s.unit == x.unit })
		if i < 0 {
			sums = append(sums, x)
			continue
		}
		sums[i].lost += x.lost
		sums[i].cause = x.cause
	}
	texts := make([]string, len(sums))
	for i, s := range sums {
		count := "an unknown number"
		if s.lost > 0 {
			count = strconv.FormatUint(s.lost, 10)
		}
		texts[i] = fmt.Sprintf("%s: %s lost in the last minute (%s)", s.unit, count, s.cause)
	}
	return strings.Join(texts, "; ")
}
