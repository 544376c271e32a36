package performance

import (
	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/emit"
	"github.com/daemoneye/eventbus/agent/collector/settings"
	"github.com/daemoneye/eventbus/agent/event"
)

var _ collector.Able = (*Collector)(nil)

// Abilities implements collector.Able.
func (c *Collector) Abilities() collector.Abilities {
	return collector.Abilities{
		EventTypes: []string{event.TypePerformance.String()},
		Topics:     []string{TopicUtilization, TopicSystem, TopicAnomaly, emit.GapTopic(event.TypePerformance)},
		Config:     settings.Keys(section{}),
	}
}
