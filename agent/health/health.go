// Package health turns measured facts into verdicts. Each verdict has its
// reason, and the whole is as well as its worst part.
package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

const (
	// settling is how long after the start nobody is missed.
	settling = time.Minute
	// recent is how long an error counts.
	recent = time.Minute
)

// Minute is what the broker had counted in the last minute.
type Minute struct {
	Began   router.Stats // about a minute ago
	Settled router.Stats // some seconds ago: what was for a subscriber then has had its time
}

// Broker judges the broker by what it counted, and by the subscriptions of other
// processes. past is nil in the first minute.
func Broker(now router.Stats, past *Minute) control.Health {
	fresh := now.LastError != "" && now.LastErrorAge < recent
	if fresh && strings.HasPrefix(now.LastError, "ipc: accept ") {
		return unhealthy("nobody new can connect: %s", now.LastError)
	}
	if past != nil {
		if n := undelivered(now, past); n > 0 {
			return unhealthy("%d messages for subscribers in the last minute, and none was delivered", n)
		}
	}
	if now.DropRate > 0 {
		return degraded("subscribers lost messages in the last minute, %.3g a second: %s", now.DropRate, slowest(now, past))
	}
	if fresh {
		return degraded("error in the last minute: %s", now.LastError)
	}
	if now.Uptime > settling && len(others(now)) == 0 {
		return degraded("no client is connected")
	}
	return control.Health{}
}

// Alone reports whether nobody has come for what the agent collects: there is no
// subscription but its own and its collectors', long after its start.
func Alone(now router.Stats) bool {
	who := others(now)
	return now.Uptime > settling && !slices.ContainsFunc(now.Subscriptions, func(s router.SubStats) bool { return who[s.Source] })
}

// others are the sources of the clients that are neither in this process nor
// collectors.
func others(s router.Stats) map[uint32]bool {
	all := make(map[uint32]bool)
	for _, c := range s.Clients {
		if c.PID != 0 && c.Role != "collector" {
			all[c.Source] = true
		}
	}
	return all
}

// undelivered counts what was for subscribers in the last minute, and has had
// its time; 0 when any of them was delivered something.
func undelivered(now router.Stats, past *Minute) (matched uint64) {
	before, settled := books(past.Began), books(past.Settled)
	who := others(now)
	for _, s := range now.Subscriptions {
		if !who[s.Source] {
			continue
		}
		key := keyOf(&s)
		if s.Delivered != before[key].Delivered {
			return 0
		}
		if then, ok := settled[key]; ok {
			matched += then.Matched - before[key].Matched
		}
	}
	return matched
}

// slowest names the subscription that lost most in the last minute. One that
// drops as it wishes does not count.
func slowest(now router.Stats, past *Minute) string {
	before := map[key]router.SubStats{}
	if past != nil {
		before = books(past.Began)
	}
	var worst *router.SubStats
	most := uint64(0)
	for i := range now.Subscriptions {
		s := &now.Subscriptions[i]
		if n := s.Dropped - before[keyOf(s)].Dropped; n > most && s.Overflow != router.Conflate {
			worst, most = s, n
		}
	}
	if worst == nil {
		return "by subscriptions that have ended"
	}
	return fmt.Sprintf("most by %s (client %d), %d", worst.Name, worst.Source, most)
}

// key names a subscription as long as the broker runs.
type key struct {
	source uint32
	id     uint64
}

func keyOf(s *router.SubStats) key { return key{s.Source, s.ID} }

func books(s router.Stats) map[key]router.SubStats {
	all := make(map[key]router.SubStats, len(s.Subscriptions))
	for _, sub := range s.Subscriptions {
		all[keyOf(&sub)] = sub
	}
	return all
}

// Collectors judges them together: the first of the worst gives the reason.
func Collectors(all []control.CollectorStatus) control.Health {
	worst := control.Health{}
	for _, c := range all {
		if h := collector(c); h.State > worst.State {
			worst = h
		}
	}
	return worst
}

func collector(c control.CollectorStatus) control.Health {
	switch c.State {
	case control.CollectorRunning:
		if c.Gap != "" {
			return degraded("%s: %s", c.Name, c.Gap)
		}
		return control.Health{}
	case control.CollectorGaveUp:
		return unhealthy("%s was given up after %d restarts: %s", c.Name, c.Restarts, c.LastExit)
	}
	if c.LastExit == "" { // it starts for the first time, or was asked to stop
		return control.Health{}
	}
	return degraded("%s is %s: %s", c.Name, c.State, c.LastExit)
}

// Worst returns the worst of parts, the first by name where several are.
func Worst(parts map[string]control.Health) control.Health {
	worst := control.Health{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if h := parts[name]; h.State > worst.State {
			worst = control.Health{State: h.State, Reason: name + ": " + h.Reason}
		}
	}
	return worst
}

func degraded(format string, args ...any) control.Health {
	return control.Health{State: control.Degraded, Reason: fmt.Sprintf(format, args...)}
}

func unhealthy(format string, args ...any) control.Health {
	return control.Health{State: control.Unhealthy, Reason: fmt.Sprintf(format, args...)}
}
