package control

import (
	"fmt"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/frame"
)

// MaxName bounds the name of a collector, in bytes.
const MaxName = 64

// reserved are the topics and targets below collectorTarget that belong to no collector.
var reserved = []string{"registration", "lifecycle", "config", "task"}

// CheckName returns why name cannot be that of a collector: it is a segment of topics,
// and none that the agent uses beside the collectors' own.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("want the name of a collector")
	case len(name) > MaxName:
		return fmt.Errorf("the name of a collector has at most %d characters, got %d", MaxName, len(name))
	case strings.Contains(name, ".") || frame.CheckTopic(name) != nil:
		return fmt.Errorf("the name of a collector is of a-z, 0-9, _ and -, got %.40q", name)
	case slices.Contains(reserved, name):
		return fmt.Errorf("no collector can be called %s", name)
	}
	return nil
}
