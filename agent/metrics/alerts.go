package metrics

import "github.com/daemoneye/eventbus/agent/control"

// ofAlerts makes the samples of a metric of the store of alerts, none where none are kept.
func ofAlerts(value func(*control.AlertStore) float64) func(*control.Status) []sample {
	return func(s *control.Status) []sample {
		if s.Alerts == nil {
			return nil
		}
		return []sample{{"", value(s.Alerts)}}
	}
}
