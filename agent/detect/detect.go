package detect

import (
	"time"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
)

// Options are what an operator chooses about rules. The zero Options are the
// defaults.
type Options struct {
	Engine engine.Options
	Window window.Options
}

// Rules are rules that were read and compiled.
//
// Immutable, and so safe for concurrent use.
type Rules struct {
	Set    *sigma.Set
	Engine *engine.Engine

	window window.Options
	why    map[*sigma.Head]string // of what is inactive
	idle   []*sigma.Rule
}

// Compile finishes a set, and compiles it.
func Compile(s *sigma.Set, o Options) *Rules {
	s.Finish()
	r := &Rules{Set: s, Engine: engine.New(s.Rules, o.Engine), window: o.Window, why: map[*sigma.Head]string{}}
	for _, i := range r.Engine.Inactive() {
		r.why[&i.Rule.Head] = i.Reason
	}
	for _, i := range r.correlator().Inactive() {
		r.why[&i.Correlation.Head] = i.Reason
	}
	for r.findIdle() {
	}
	return r
}

// findIdle finds rules and correlations that raise nothing themselves, because correlations
// count them, and of which all of these are inactive. It reports whether there is a
// correlation among them.
func (r *Rules) findIdle() (more bool) {
	counted, by := map[*sigma.Head]bool{}, map[*sigma.Head]string{}
	for _, x := range r.Set.Correlations {
		for _, m := range x.Members {
			h := m.Head()
			if counted[h] = counted[h] || r.why[&x.Head] == ""; by[h] == "" && !x.Generate {
				by[h] = x.Label()
			}
		}
	}
	idle := func(h *sigma.Head, silent bool) bool {
		if !silent || counted[h] || r.why[h] != "" {
			return false
		}
		r.why[h] = "only correlations count it, and they are inactive: " + by[h]
		return true
	}
	for _, x := range r.Set.Rules {
		if idle(&x.Head, x.Silent) {
			r.idle = append(r.idle, x)
		}
	}
	for _, x := range r.Set.Correlations {
		more = idle(&x.Head, x.Silent) || more
	}
	return more
}

func (r *Rules) correlator() *window.Correlator {
	return window.New(r.Set.Correlations, r.Engine.Tables, r.window)
}

// Inactive returns the reason why a rule cannot raise anything here, empty if it can.
func (r *Rules) Inactive(x *sigma.Rule) string { return r.why[&x.Head] }

// InactiveCorrelation returns the reason why a correlation cannot fire here, empty if it
// can.
func (r *Rules) InactiveCorrelation(x *sigma.Correlation) string { return r.why[&x.Head] }

// Idle returns the rules that are inactive only because the correlations that count them
// are. The engine has them all the same.
func (r *Rules) Idle() []*sigma.Rule { return r.idle }

// Detection is a rule that matches an event, or a correlation that holds with it.
type Detection struct {
	Head       *sigma.Head
	Rule       *sigma.Rule   // nil for a correlation
	Fired      *window.Fired // nil for a rule
	Incomplete bool          // not everything that it depends on was seen
}

// Detector evaluates rules on a stream of events.
//
// One goroutine at a time.
type Detector struct {
	matcher    *engine.Matcher
	correlator *window.Correlator
	matches    []window.Match
	out        []Detection
}

// Detector returns a new Detector, whose windows are empty.
func (r *Rules) Detector() *Detector {
	return &Detector{matcher: r.Engine.Matcher(), correlator: r.correlator()}
}

// Observe returns what is detected in an event. A rule that is only counted by
// correlations is not in it. The result is valid until the next call.
func (d *Detector) Observe(v event.View) []Detection { return d.found(d.matcher.Match(v), v) }

// ObserveTimed is Observe, and calls took with the time of each rule that was evaluated,
// and with nil for what all rules share.
func (d *Detector) ObserveTimed(v event.View, took func(*sigma.Rule, time.Duration)) []Detection {
	return d.found(d.matcher.MatchTimed(v, took), v)
}

// found returns what the matches of an event mean.
func (d *Detector) found(all []engine.Match, v event.View) []Detection {
	d.out, d.matches = d.out[:0], d.matches[:0]
	for _, m := range all {
		d.matches = append(d.matches, window.Match(m))
		if !m.Rule.Silent {
			d.out = append(d.out, Detection{Head: &m.Rule.Head, Rule: m.Rule, Incomplete: m.Incomplete})
		}
	}
	if len(d.matches) == 0 {
		return d.out
	}
	fired := d.correlator.Observe(d.matches, v)
	for i := range fired {
		if f := &fired[i]; !f.Correlation.Silent {
			d.out = append(d.out, Detection{Head: &f.Correlation.Head, Fired: f, Incomplete: f.Incomplete})
		}
	}
	return d.out
}

// Lost notes that events were lost: correlations over that time are incomplete.
func (d *Detector) Lost(l window.Loss) { d.correlator.Lost(l) }

// Inherit takes over what the windows of another Detector hold, for each correlation that
// means the same there, and what it counted. The other one is of no use afterwards.
func (d *Detector) Inherit(from *Detector) { d.correlator.Inherit(from.correlator) }

// Windows returns what correlations hold, and have counted.
func (d *Detector) Windows() window.Stats { return d.correlator.Stats() }

// Expire forgets windows that have passed at t.
func (d *Detector) Expire(t time.Time) { d.correlator.Expire(t) }
