package client

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/topic"
)

// terms are the broker's welcome, made ready for use.
type terms struct {
	frame.Welcome
	urgent   topic.Patterns
	inflates frame.Flags // compressions that the broker takes
	credit   bool        // the broker takes credit frames
}

func newTerms(w frame.Welcome) *terms {
	features := frame.ParseFeatures(w.Features)
	t := &terms{Welcome: w, inflates: features.Compressions(), credit: features&frame.FeatureCredit != 0}
	for _, text := range w.Urgent {
		if p, err := topic.ParsePattern(text, true); err == nil { // a bad one is of a later version
			t.urgent = append(t.urgent, p)
		}
	}
	return t
}

// isNewBroker reports whether these are of another broker than last, whose sequences
// begin anew. A broker without an epoch is recognized by the number of the connection,
// which it counts up.
func (t *terms) isNewBroker(last *terms) bool {
	if t.Epoch != "" || last.Epoch != "" {
		return t.Epoch != last.Epoch
	}
	return t.Source <= last.Source
}

// admit returns an error for a frame that is too large for the broker: n bytes long
// when it is inflated.
func (t *terms) admit(n int) error {
	if n > t.MaxMessageSize {
		return &bus.LimitError{Limit: "max_message_size", Max: int64(t.MaxMessageSize), Got: int64(n)}
	}
	return nil
}

// lane returns the lane that topic has in the broker: what is urgent there is written
// first here.
func (t *terms) lane(topic string) bus.Lane {
	if t.urgent.Match(topic) {
		return bus.Urgent
	}
	return bus.Bulk
}
