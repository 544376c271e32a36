package config

import (
	"encoding/json"
	"strings"
)

// Section returns the values of one section of c as a JSON object, such as
// collectors.process, for the part of the agent that it configures. Durations are in
// nanoseconds and sizes in bytes. The key enabled is left out, because it is for whoever
// starts that part. A section that there is not has no values.
func (c *Config) Section(name string) json.RawMessage {
	values := map[string]any{}
	for _, k := range Keys() {
		if in, key := cutLast(k.Name); in == name && key != "enabled" {
			values[key] = k.Value(c)
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // texts, numbers, lists and maps of them
	}
	return b
}

// Enabled reports whether the section has a key enabled that is true.
func (c *Config) Enabled(section string) bool {
	k := Lookup(strings.TrimPrefix(section+".enabled", "."))
	if k == nil {
		return false
	}
	on, _ := k.Value(c).(bool)
	return on
}

// cutLast splits the name of a key into that of its section and the rest.
func cutLast(name string) (section, key string) {
	i := strings.LastIndexByte(name, '.')
	return name[:max(i, 0)], name[i+1:]
}
