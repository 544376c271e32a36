package serve

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// emission is what is needed to publish events. One goroutine at a time.
type emission struct {
	publishers  map[string]router.Publisher
	extension   []byte
	origin      event.Origin // of a gap in the place of what is no event
	unannounced uint64       // failures that no gap has announced yet
	gap         []byte
	onFirst     func() // called with the next event, once
}

// emit publishes one event. An event that the bus does not take is counted, and
// announced as a gap. If the bus does not take the gap either, the next gap counts both.
func (s *Server) emit(m collector.Message) {
	if s.onFirst != nil {
		s.onFirst()
		s.onFirst = nil
	}
	if err := s.publish(m); err != nil {
		s.failed.Add(1)
		s.unannounced++
		if s.announceRefused(&m, err) == nil {
			s.unannounced = 0
		}
		return
	}
	s.emitted.Add(1)
	at := time.Now().UnixNano()
	if v, err := event.Parse(m.Payload); err == nil {
		at = v.Header().WallNs
	}
	s.lastEvent.Store(at)
}

// announceRefused publishes that events were lost, the last of them m. The gap stands
// in its place: it has its source's sequence number.
func (s *Server) announceRefused(m *collector.Message, why error) error {
	gap := event.Gap{
		Header: event.Header{MonoNs: router.Now(), WallNs: time.Now().UnixNano()},
		Origin: s.origin,
		Body:   event.Loss{Lost: s.unannounced, Total: s.failed.Load(), Reason: "events: the bus would not take them: " + why.Error()},
	}
	if v, err := event.Parse(m.Payload); err == nil {
		gap.Type, gap.Sequence, gap.Origin = v.Type(), v.Sequence(), v.Origin()
	}
	return s.publishGap(&gap, m.EventType)
}

// announceBlind publishes that the collector did not observe from since to now, and
// so missed an unknown number of events.
func (s *Server) announceBlind(since time.Time, reason string) error {
	return s.publishGap(s.blindGap(since, reason), s.name)
}

// blindGap is a gap from since to now, of an unknown number of events.
func (s *Server) blindGap(since time.Time, reason string) *event.Gap {
	return &event.Gap{
		Header: event.Header{Type: event.TypeByCategory(s.name), MonoNs: router.Now(), WallNs: time.Now().UnixNano()},
		Origin: s.origin,
		Body:   event.Loss{Reason: "events: " + reason, SinceNs: since.UnixNano()},
	}
}

func (s *Server) gapTopic() string { return "events." + s.name + ".gap" }

func (s *Server) publishGap(gap *event.Gap, eventType string) error {
	s.gap = gap.Append(s.gap[:0])
	return s.publish(collector.Message{Topic: s.gapTopic(), Payload: s.gap, EventType: eventType})
}

func (s *Server) publish(m collector.Message) error {
	p := s.publishers[m.Topic]
	if p == nil {
		var err error
		if p, err = s.bus.PublisherOf(router.Outgoing{Topic: m.Topic, Content: frame.ContentEvent}); err != nil {
			return err
		}
		s.publishers[m.Topic] = p
	}
	var err error
	s.extension, err = frame.AppendExtension(s.extension[:0], &frame.Meta{EventType: m.EventType, PID: m.PID})
	if err != nil {
		return err
	}
	return p.PublishMeta(m.Payload, s.extension)
}
