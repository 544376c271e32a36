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
// and makes it, and check returns the error of make, for less where that can be.
type kind struct {
	Name  string
	make  func(settings []byte, h host.Host) (collector.Collector, error)
	check func(settings []byte, h host.Host) error
}

// Kinds is the table of collectors. Each has a section of its name below collectors in
// the configuration.
var Kinds = []kind{
	kindOf(process.Name, process.Parse, process.New, process.Check),
	kindOf(filesystem.Name, filesystem.Parse, filesystem.New, nil),
	kindOf(network.Name, network.Parse, network.New, network.Check),
	kindOf(performance.Name, performance.Parse, performance.New, nil),
}

// kindOf makes a row. Without a check it is build.
func kindOf[O any, C collector.Collector](name string, parse func([]byte, host.Host) (O, error), build func(O) (C, error), check func(O) error) kind {
	if check == nil {
		check = func(o O) error {
			_, err := build(o)
			return err
		}
	}
	return kind{
		Name: name,
		make: func(settings []byte, h host.Host) (collector.Collector, error) {
			o, err := parse(settings, h)
			if err != nil {
				return nil, err
			}
			c, err := build(o)
			if err != nil {
				return nil, err // and not a C that is nil
			}
			return c, nil
		},
		check: func(settings []byte, h host.Host) error {
			o, err := parse(settings, h)
			if err != nil {
				return err
			}
			return check(o)
		},
	}
}

// MakeCollector makes the collector that a configuration names.
func MakeCollector(c control.ChildConfig) (made collector.Collector, err error) {
	err = errNoCollector(c.Collector)
	for _, k := range Kinds {
		if k.Name == c.Collector {
			made, err = k.make(c.Settings, hostOf(c))
		}
	}
	return made, err
}

// CheckCollector returns the error of MakeCollector.
func CheckCollector(c control.ChildConfig) (err error) {
	err = errNoCollector(c.Collector)
	for _, k := range Kinds {
		if k.Name == c.Collector {
			err = k.check(c.Settings, hostOf(c))
		}
	}
	return err
}

func errNoCollector(name string) error { return fmt.Errorf("there is no collector %q", name) }

func hostOf(c control.ChildConfig) host.Host {
	return host.Host{ID: c.HostID, Labels: event.Pairs(c.Labels)}
}
