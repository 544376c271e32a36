// Package health turns measured facts into verdicts. Each verdict has its
// reason, and the whole is as well as its worst part.
package health

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// Broker judges the broker by what it counted, and by the subscriptions of other
// processes. now has to be a snapshot that was taken in the broker's own process.
// past is nil in the first minute.
func Broker(now router.Stats, past *Minute) control.Health {
	fresh := now.LastErr != nil && now.LastErrorAge < errorAge
	var op *ipc.OpError
	if fresh && (errors.As(now.LastErr, &op) && op.Op == "accept" || errors.Is(now.LastErr, ipc.ErrSocketLost)) {
		return unhealthy("nobody new can connect: %s", now.LastErr)
	}
	if n := undelivered(now, past); n > 0 {
		return unhealthy("%d messages for subscribers in the last minute, and none was delivered", n)
	}
	if now.DropRate > 0 {
		return degraded("subscribers lost messages in the last minute, %s a second: %s", rate(now.DropRate), slowest(now, past))
	}
	if fresh {
		return degraded("error in the last minute: %s", now.LastErr)
	}
	if now.Uptime > settleTime && !slices.ContainsFunc(now.Clients, func(c router.ClientStats) bool { return c.PID != 0 }) {
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
	if past == nil {
		return 0
	}
	sources := operators(now)
	for i := range now.Subscriptions {
		s := &now.Subscriptions[i]
		if !sources[s.Source] {
			continue
		}
		k := keyOf(s)
		if s.Delivered != past.began[k].delivered {
			return 0
		}
		if then, ok := past.settled[k]; ok {
			matched += then.matched - past.began[k].matched
		}
	}
	return matched
}

// slowest names the subscription that lost most in the last minute. One that
// conflates does not count, because it drops by its own wish.
func slowest(now router.Stats, past *Minute) string {
	var began sample
	if past != nil {
		began = past.began
	}
	var worst *router.SubStats
	most := uint64(0)
	for i := range now.Subscriptions {
		s := &now.Subscriptions[i]
		if n := s.Dropped - began[keyOf(s)].dropped; n > most && s.Overflow != router.Conflate {
			worst, most = s, n
		}
	}
	if worst == nil {
		return "by subscriptions that have ended"
	}
	return fmt.Sprintf("most by %s (client %d), %d", worst.Name, worst.Source, most)
}

// Collectors returns a component for each collector, whose check returns what its
// status has.
func Collectors(all []control.CollectorStatus) []Component {
	parts := make([]Component, len(all))
	for i, c := range all {
		parts[i] = Component{"collectors." + c.Name, func(*Facts) control.Health {
			h := collector(&c)
			if c.State != control.CollectorRunning {
				h.Since = c.Since // what it lost while it runs has another time
			}
			return h
		}}
	}
	return parts
}

func collector(c *control.CollectorStatus) control.Health {
	switch c.State {
	case control.CollectorRunning:
		if c.Gap != "" {
			return degraded("%s", c.Gap)
		}
		if c.Opening {
			return degraded("its source is not open yet")
		}
		return control.Health{}
	case control.CollectorStopped: // not started yet, or an operator's wish, however it ended before
		return control.Health{}
	case control.CollectorPaused:
		return degraded("paused: it does not observe")
	case control.CollectorAbsent:
		return degraded("absent: it is configured, and has not registered")
	case control.CollectorStuck:
		return unhealthy("%s: %s", c.State, c.LastExit)
	case control.CollectorGaveUp:
		return unhealthy("given up after %d restarts: %s", c.Restarts, c.LastExit)
	}
	if c.LastExit == "" { // it starts for the first time, or was asked to stop
		return control.Health{}
	}
	return degraded("%s: %s", c.State, c.LastExit)
}

func degraded(format string, args ...any) control.Health {
	return control.Health{State: control.Degraded, Reason: fmt.Sprintf(format, args...)}
}

func unhealthy(format string, args ...any) control.Health {
	return control.Health{State: control.Unhealthy, Reason: fmt.Sprintf(format, args...)}
}

// rate writes a number a second with three digits where it is small, and as a whole number
// where it is not.
func rate(n float64) string {
	if n >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}
