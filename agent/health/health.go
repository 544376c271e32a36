// Package health turns measured facts into verdicts. Each verdict has its
// reason, and the whole is as well as its worst part.
package health

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

const (
	// settleTime is how long after the start it is normal that no client is there.
	settleTime = time.Minute
	// errorAge is how long an error counts.
	errorAge = time.Minute
)

// Minute is what the broker had counted at two moments of the last minute.
type Minute struct {
	Began   router.Stats // about a minute ago
	Settled router.Stats // some seconds ago: what was for a subscriber then has had its time
}

// Broker judges the broker by what it counted, and by the subscriptions of other
// processes. now has to be a snapshot that was taken in the broker's own process.
// past is nil in the first minute.
func Broker(now router.Stats, past *Minute) control.Health {
	fresh := now.LastErr != nil && now.LastErrorAge < errorAge
	var op *ipc.OpError
	if fresh && (errors.As(now.LastErr, &op) && op.Op == "accept" || errors.Is(now.LastErr, ipc.ErrSocketLost)) {
		return unhealthy("nobody new can connect: %s", now.LastErr)
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
		return degraded("error in the last minute: %s", now.LastErr)
	}
	if now.Uptime > settleTime && len(operators(now)) == 0 {
		return degraded("no client is connected")
	}
	return control.Health{}
}

// NoSubscribers reports whether nobody uses what the agent collects, long after its
// start: there is no subscription but those of the agent and its collectors.
func NoSubscribers(now router.Stats) bool {
	sources := operators(now)
	return now.Uptime > settleTime && !slices.ContainsFunc(now.Subscriptions, func(s router.SubStats) bool { return sources[s.Source] })
}

// operators are the sources of the clients that are neither in this process nor
// collectors.
func operators(s router.Stats) map[uint32]bool {
	sources := make(map[uint32]bool)
	for _, c := range s.Clients {
		if c.PID != 0 && c.Role != "collector" {
			sources[c.Source] = true
		}
	}
	return sources
}

// undelivered counts the messages for operators that settled in the last minute; 0
// when any message was delivered to one of them.
func undelivered(now router.Stats, past *Minute) (matched uint64) {
	began, settled := subscriptions(past.Began), subscriptions(past.Settled)
	sources := operators(now)
	for _, s := range now.Subscriptions {
		if !sources[s.Source] {
			continue
		}
		key := keyOf(&s)
		if s.Delivered != began[key].Delivered {
			return 0
		}
		if then, ok := settled[key]; ok {
			matched += then.Matched - began[key].Matched
		}
	}
	return matched
}

// slowest names the subscription that lost most in the last minute. One that
// conflates does not count, because it drops by its own wish.
func slowest(now router.Stats, past *Minute) string {
	began := map[key]router.SubStats{}
	if past != nil {
		began = subscriptions(past.Began)
	}
	var worst *router.SubStats
	most := uint64(0)
	for i := range now.Subscriptions {
		s := &now.Subscriptions[i]
		if n := s.Dropped - began[keyOf(s)].Dropped; n > most && s.Overflow != router.Conflate {
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

func subscriptions(s router.Stats) map[key]router.SubStats {
	all := make(map[key]router.SubStats, len(s.Subscriptions))
	for _, sub := range s.Subscriptions {
		all[keyOf(&sub)] = sub
	}
	return all
}

// Collectors judges all collectors together: the first of the worst gives the
// reason.
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
