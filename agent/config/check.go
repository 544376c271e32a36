package config

import (
	"maps"
	"slices"
)

// relations holds what is between two keys.
func (l *loader) relations(c *Config) {
	memory, message := keys.byName["broker.max_memory_bytes"], keys.byName["broker.max_message_size"]
	if c.Broker.MaxMemoryBytes < c.Broker.MaxMessageSize {
		at := l.origins[memory.Name]
		l.fail(ErrConflict, at, memory.Name, " is %s, want at least %s, which is %s",
			memory.Text(c), message.called(at), message.Text(c))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Collectors.External)) {
		if reserved := l.table.top.sub("collectors").sub("collectors." + name); reserved != nil || slices.Contains(taken, name) {
			k := keys.byName["collectors.external"]
			l.fail(ErrConflict, l.origins[join(k.Name, name)], join(k.Name, name), ": the agent itself uses the name %s", name)
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

// labelSize holds all labels together to their bound.
func (l *loader) labelSize(c *Config) {
	n := 0
	for name, value := range c.Labels {
		n += labelHead + len(name) + len(value)
	}
	if n > maxLabels {
		k := keys.byName["labels"]
		l.fail(ErrValue, l.origins[k.Name], k.Name, " have %d bytes together, 3 for each counted, want at most %d", n, maxLabels)
	}
}

// called is the key's name as the source o spells it.
func (k *Key) called(o Origin) string {
	switch {
	case o.Layer == LayerFlag && k.Flag != "":
		return "--" + k.Flag
	case o.Layer == LayerEnvironment:
		return k.Env
	}
	return k.Name
}
