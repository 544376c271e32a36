package metrics

import (
	"slices"

	"github.com/daemoneye/eventbus/agent/control"
)

// detected makes the samples of a metric of detection, none where it is not enabled.
func detected(value func(*control.Detection) float64) func(*control.Status) []sample {
	return func(s *control.Status) []sample {
		if s.Detection == nil {
			return nil
		}
		return []sample{{"", value(s.Detection)}}
	}
}

func detectionRules(s *control.Status) []sample {
	if s.Detection == nil {
		return nil
	}
	return []sample{{"active", float64(s.Detection.Rules.Active)}, {"inactive", float64(s.Detection.Rules.Inactive)}}
}

// ruleCosts are of at most ten rules, whose ids an operator chooses.
func ruleCosts(s *control.Status) (all []sample) {
	if s.Detection == nil {
		return nil
	}
	for _, c := range s.Detection.Costs {
		if slices.ContainsFunc(all, func(x sample) bool { return x.label == c.Rule }) {
			continue // rules without ids may have the same title
		}
		all = append(all, sample{c.Rule, c.PerEvent.Seconds()})
	}
	return all
}
