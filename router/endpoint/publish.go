package endpoint

import (
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/topic"
)

// CheckPublishTopic checks a topic that a client wants to publish on.
func CheckPublishTopic(name string) error {
	if err := frame.CheckTopic(name); err != nil {
		return fmt.Errorf("topic %q: %w", name, err)
	}
	if topic.IsReserved(name) {
		return fmt.Errorf("topic %q: %w", name, bus.ErrReserved)
	}
	return nil
}

// PublishID is a bit that is set in the ids of publish frames, and not in those of requests
// and subscriptions. So the id in an error frame is of one frame only.
const PublishID = 1 << 63

// PublishTemplate checks m and encodes the beginning that all frames for messages like m
// share.
func PublishTemplate(m *bus.Outgoing) (frame.Template, error) {
	f, err := PublishFields(m)
	if err != nil {
		return frame.Template{}, err
	}
	return frame.NewTemplate(&f)
}

// PublishFields checks m's topic and returns the frame for it, without its id.
func PublishFields(m *bus.Outgoing) (frame.Fields, error) {
	if err := CheckPublishTopic(m.Topic); err != nil {
		return frame.Fields{}, err
	}
	f := frame.Fields{
		Type: frame.TypePublish, Priority: m.Priority, Content: m.Content, Topic: m.Topic,
		Extension: m.Extension, Payload: m.Payload, Time: bus.Now(),
	}
	if m.Priority == 0 {
		f.Priority = frame.NormalPriority
	}
	if m.Retain {
		f.Flags = frame.FlagRetain
	}
	return f, nil
}
