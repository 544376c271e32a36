package serve

import (
	"context"
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/router"
)

// subscribe has the collector get the events of others that it takes, also those that were
// published before it came. A collector that may not have them does without.
func (s *Server) subscribe(ctx context.Context) (stop func(), err error) {
	c, ok := s.now.c.(collector.Subscriber)
	if !ok {
		return func() {}, nil
	}
	s.subscriber.Store(&c)
	sub, err := s.bus.Subscribe(ctx, router.Subscription{
		SubscriberID: s.name, Patterns: c.Topics(), ReplayFrom: 1,
		Handler: func(m *router.Message) {
			if m.Gap == nil { // what is lost is not known to the collector, and it reports it
				(*s.subscriber.Load()).Take(m.Payload)
			}
		},
	})
	if errors.Is(err, router.ErrDenied) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("events of others: %w", err)
	}
	return func() { _ = sub.Close() }, nil // it ends with the connection anyway
}
