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
	features frame.Features // of the client that the broker has too
	inflates frame.Flags    // compressions among them
}

func newTerms(w frame.Welcome) *terms {
	t := &terms{Welcome: w, features: frame.ParseFeatures(w.Features)}
	t.inflates = t.features.Compressions()
	for _, text := range w.Urgent {
		if p, err := topic.ParsePattern(text, true); err == nil { // a bad one is of a later version
			t.urgent = append(t.urgent, p)
		}
	}
	return t
}

// has reports whether the broker has a feature of this client too.
func (t *terms) has(feature frame.Features) bool { return t.features&feature != 0 }

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
