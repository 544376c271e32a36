// Package health turns measured facts into verdicts. Each verdict has its
// reason, and the whole is as well as its worst part.
package health

import (
	"fmt"
	"maps"
	"slices"
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

// Broker judges the broker by what it counted. before is the same, about a
// minute ago; nil while there is none.
func Broker(now router.Stats, before *router.Stats) control.Health {
	if before != nil && now.Matched > before.Matched && now.Delivered == before.Delivered && now.Queued > 0 {
		return unhealthy("%d messages for subscribers in the last minute, and none was delivered", now.Matched-before.Matched)
	}
	if now.DropRate > 0 {
		return degraded("subscribers lost messages in the last minute, %.3g a second: %s", now.DropRate, slowest(now))
	}
	if now.LastError != "" && now.LastErrorAge < recent {
		return degraded("error in the last minute: %s", now.LastError)
	}
	if now.Uptime > settling && remote(now) == 0 {
		return degraded("no client is connected")
	}
	return control.Health{}
}

// remote counts the clients that are other processes.
func remote(s router.Stats) (n int) {
	for _, c := range s.Clients {
		if c.PID != 0 {
			n++
		}
	}
	return n
}

// slowest names the subscription that lost most.
func slowest(s router.Stats) string {
	var worst *router.SubStats
	for i := range s.Subscriptions {
		if sub := &s.Subscriptions[i]; sub.Dropped > 0 && (worst == nil || sub.Dropped > worst.Dropped) {
			worst = sub
		}
	}
	if worst == nil {
		return "by subscriptions that have ended"
	}
	return fmt.Sprintf("most by %s (client %d), %d in all", worst.Name, worst.Source, worst.Dropped)
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
