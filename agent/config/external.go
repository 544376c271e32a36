package config

import (
	"strconv"
	"strings"
)

// External are the processes that may be a collector which the agent does not start.
type External struct {
	UID int
	// Executable is the path of the program; empty for any.
	Executable string
}

// Externals returns the external collectors by name.
func (c *Collectors) Externals() map[string]External {
	all := make(map[string]External, len(c.External))
	for name, text := range c.External {
		uid, path, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(uid)
		if err != nil {
			continue // which the check of the key does not let pass
		}
		all[name] = External{n, path}
	}
	return all
}

// LimitsOf returns the limits of the collector that has that section, such as
// collectors.process. A section without limits has none.
func (c *Config) LimitsOf(section string) (l Limits) {
	if k := Lookup(section + ".limits.cpu_percent"); k != nil {
		l.CPUPercent, _ = k.Value(c).(int)
	}
	if k := Lookup(section + ".limits.memory"); k != nil {
		l.Memory, _ = k.Value(c).(Size)
	}
	return l
}
