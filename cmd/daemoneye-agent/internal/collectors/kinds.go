package collectors

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/performance"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
)

// kind is one row of the table of collectors: make reads the settings of a collector
// and makes it.
type kind struct {
	Name string
	make func(settings []byte, h host.Host) (collector.Collector, error)
}

// Kinds is the table of collectors. Each has a section of its name below collectors in
// the configuration.
var Kinds = []kind{
	kindOf(process.Name, process.Parse, process.New),
	kindOf(filesystem.Name, filesystem.Parse, filesystem.New),
	kindOf(network.Name, network.Parse, network.New),
	kindOf(performance.Name, performance.Parse, performance.New),
}

func kindOf[O any, C collector.Collector](name string, parse func([]byte, host.Host) (O, error), build func(O) (C, error)) kind {
	return kind{name, func(settings []byte, h host.Host) (collector.Collector, error) {
		o, err := parse(settings, h)
		if err != nil {
			return nil, err
		}
		c, err := build(o)
		if err != nil {
			return nil, err // and not a C that is nil
		}
		return c, nil
	}}
}

// MakeCollector makes the collector that a configuration names.
func MakeCollector(c control.ChildConfig) (collector.Collector, error) {
	for _, k := range Kinds {
		if k.Name == c.Collector {
			return k.make(c.Settings, host.Host{ID: c.HostID, Labels: event.Pairs(c.Labels)})
		}
	}
	return nil, fmt.Errorf("there is no collector %q", c.Collector)
}
