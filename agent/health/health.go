// Package health turns measured facts into verdicts. Each verdict has its
// reason, and the whole is as well as its worst part.
package health

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

// settling is how long after the start nobody is missed.
const settling = time.Minute

// Broker judges the broker by what it counted. before is the same, about a
// minute ago; nil while there is none.
func Broker(now router.Stats, before *router.Stats) control.Health {
	if before != nil && now.Matched > before.Matched && now.Delivered == before.Delivered && now.Queued > 0 {
		return control.Health{State: control.Unhealthy, Reason: fmt.Sprintf(
			"%d messages for subscribers in the last minute, and none was delivered", now.Matched-before.Matched)}
	}
	if now.DropRate > 0 {
		return control.Health{State: control.Degraded, Reason: fmt.Sprintf(
			"subscribers lost messages in the last minute, %.3g a second: %s", now.DropRate, slowest(now))}
	}
	if now.LastError != "" && now.LastErrorAge < time.Minute {
		return control.Health{State: control.Degraded, Reason: "error in the last minute: " + now.LastError}
	}
	if now.Uptime > settling && remote(now) == 0 {
		return control.Health{State: control.Degraded, Reason: "no client is connected"}
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

// Collectors judges them together.
func Collectors(all []control.CollectorStatus) control.Health {
	worst := control.Health{}
	for _, c := range all {
		h := collector(c)
		if h.State > worst.State {
			worst = h
		}
	}
	return worst
}

func collector(c control.CollectorStatus) control.Health {
	switch c.State {
	case "running":
		return control.Health{}
	case "gave up":
		return control.Health{State: control.Unhealthy, Reason: c.Name + " was given up after " + fmt.Sprint(c.Restarts) + " restarts: " + c.LastExit}
	case "starting":
		if c.Restarts == 0 {
			return control.Health{}
		}
	}
	return control.Health{State: control.Degraded, Reason: c.Name + " is " + c.State + ": " + c.LastExit}
}

// Worst returns the worst of parts.
func Worst(parts map[string]control.Health) control.Health {
	worst := control.Health{}
	for name, h := range parts {
		if h.State > worst.State {
			worst = control.Health{State: h.State, Reason: name + ": " + h.Reason}
		}
	}
	return worst
}
