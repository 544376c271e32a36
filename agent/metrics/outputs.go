package metrics

import "github.com/daemoneye/eventbus/agent/control"

// outputs makes the samples of a metric of outputs, by their names.
func outputs(value func(*control.OutputStatus) uint64) func(*control.Status) []sample {
	return func(s *control.Status) (all []sample) {
		for i := range s.Outputs {
			all = append(all, sample{s.Outputs[i].Name, float64(value(&s.Outputs[i]))})
		}
		return all
	}
}
