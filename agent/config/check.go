package config

import (
	"maps"
	"slices"

	"github.com/daemoneye/eventbus/agent/config/reader"
)

// checkRelations checks the conditions that involve two keys.
func checkRelations(c *Config, r *reader.Result) {
	memory, message := keys().Lookup("broker.max_memory_bytes"), keys().Lookup("broker.max_message_size")
	if c.Broker.MaxMemoryBytes < c.Broker.MaxMessageSize {
		at := r.Origin(memory.Name)
		r.Fail(ErrConflict, at, memory.Name, " is %s, want at least %s, which is %s",
			memory.Text(c), message.NameIn(at), message.Text(c))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Collectors.External)) {
		if keys().HasSection("collectors."+name) || slices.Contains(taken, name) {
			full := "collectors.external." + name
			r.Fail(ErrConflict, r.Origin(full), full, ": the agent itself uses the name %s", name)
		}
	}
}

// taken are names that no collector can have, because the agent uses them in topics.
var taken = []string{"registration", "lifecycle", "config", "task"}

// maxLabels bounds the labels together, because they stand in every event. Each counts
// with labelHead bytes more than it has.
const (
	maxLabels = 1024
	labelHead = 3
)

// checkLabelSize checks the size of all labels together.
func checkLabelSize(c *Config, r *reader.Result) {
	n := 0
	for name, value := range c.Labels {
		n += labelHead + len(name) + len(value)
	}
	if n > maxLabels {
		r.Fail(ErrValue, r.Origin("labels"), "labels", " have %d bytes together, 3 for each counted, want at most %d", n, maxLabels)
	}
}
