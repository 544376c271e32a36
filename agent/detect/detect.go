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

	window   window.Options
	inactive []window.Inactive
}

// Compile finishes a set, and compiles it.
func Compile(s *sigma.Set, o Options) *Rules {
	s.Finish()
	r := &Rules{Set: s, Engine: engine.New(s.Rules, o.Engine), window: o.Window}
	r.inactive = r.correlator().Inactive()
	return r
}

func (r *Rules) correlator() *window.Correlator {
	return window.New(r.Set.Correlations, r.Engine.Tables, r.window)
}

// Inactive returns the reason why a rule cannot match here, empty if it can.
func (r *Rules) Inactive(x *sigma.Rule) string {
	for _, i := range r.Engine.Inactive() {
		if i.Rule == x {
			return i.Reason
		}
	}
	return ""
}

// InactiveCorrelation returns the reason why a correlation cannot fire here, empty if it
// can.
func (r *Rules) InactiveCorrelation(x *sigma.Correlation) string {
	for _, i := range r.inactive {
		if i.Correlation == x {
			return i.Reason
		}
	}
	return ""
}

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
