package live

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// Status returns how detection is. The lists of its report are left out.
func (r *Runner) Status() control.Detection {
	r.enter()
	defer r.mu.Unlock()
	f, w := &r.figures, r.detector.Windows()
	d := control.Detection{
		Rules: r.loaded.report, Events: f.events, Matches: f.matches, Alerts: f.alerts,
		Forged: f.forged.total, Forger: f.forger, Invalid: f.invalid, Lost: f.lost.total, Lag: f.lag, Ahead: f.ahead, Late: f.late,
		Windows: control.Windows{
			Groups: w.Groups, Entries: w.Entries, Bytes: w.Bytes, EvictedGroups: w.EvictedGroups, EvictedEntries: w.EvictedEntries,
			Ungrouped: w.Ungrouped, Valueless: w.Valueless, Restarted: w.Restarted, Fired: w.Fired,
		},
		Costs: r.costs.top(),
	}
	d.Rules.InactiveRules, d.Rules.Problems = nil, nil
	return d
}

// lagged is how old an event may be when it is looked at.
const lagged = time.Second

// Health returns how detection is, in a verdict.
func (r *Runner) Health(now time.Time) control.Health {
	if r.ended.Load() {
		return control.Health{State: control.Unhealthy, Reason: "it has ended: no event is looked at"}
	}
	r.enter()
	defer r.mu.Unlock()
	f, x := &r.figures, &r.loaded.report
	evicted := r.evicted(now)
	top := r.costs.top()
	reason := ""
	switch {
	case f.lost.now(now) > 0:
		reason = fmt.Sprintf("it lost %d events in the last minute, because it was too slow for them", f.lost.now(now))
	case f.lag > lagged:
		reason = fmt.Sprintf("it is %v behind", f.lag.Round(time.Millisecond))
	case f.forged.now(now) > 0:
		reason = fmt.Sprintf("%d forged events in the last minute, from %s", f.forged.now(now), f.forger)
	case x.Active == 0:
		reason = "no rule is active"
	case len(x.Kept) > 0:
		reason = fmt.Sprintf("%d files of rules have a mistake now, and stay as they were: %s%s", len(x.Kept), x.Kept[0], firstError(x))
	case x.Errors > 0:
		reason = fmt.Sprintf("%d mistakes in rules%s", x.Errors, firstError(x))
	case len(top) > 0 && top[0].PerEvent >= costly && r.costs.events >= enough:
		reason = fmt.Sprintf("rule %q takes %v an event, %.0f %% of what all take", top[0].Title, top[0].PerEvent, 100*top[0].Share)
	case evicted > 0:
		reason = fmt.Sprintf("%d windows of correlations were pushed out in the last minute, for want of room", evicted)
	default:
		return control.Health{}
	}
	return control.Health{State: control.Degraded, Reason: reason}
}

// evicted returns how much state of correlations was pushed out lately. mu is held.
func (r *Runner) evicted(now time.Time) uint64 {
	w := r.detector.Windows()
	f := &r.figures
	if total := w.EvictedGroups + w.EvictedEntries; total > f.evicted.total {
		f.evicted.add(total-f.evicted.total, now)
	}
	return f.evicted.now(now)
}

// firstError returns the first mistake, after a colon.
func firstError(x *control.RulesReport) string {
	for i := range x.Problems {
		if !x.Problems[i].Warning {
			return ": " + x.Problems[i].String()
		}
	}
	return ""
}
