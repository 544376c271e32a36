package network

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
		EventTypes: []string{event.TypeNetwork.String()},
		Topics:     []string{TopicConnections, TopicDNS, TopicTraffic, emit.GapTopic(event.TypeNetwork)},
		Config:     settings.Keys(section{}),
	}
}
