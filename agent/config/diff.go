package config

import (
	"cmp"
	"reflect"
)

// Change is one key whose value differs between two configurations.
type Change struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
	// Restart is set where the new value waits for the next start of the agent.
	Restart bool `json:"restart,omitempty"`
}

// String returns KEY: OLD -> NEW.
func (c Change) String() string {
	return c.Key + ": " + cmp.Or(c.Old, `""`) + " -> " + cmp.Or(c.New, `""`)
}

// Diff returns what differs between the configuration in force and the next one,
// in the order of the table.
func Diff(now, next *Config) (changes []Change) {
	for _, k := range keys.keys {
		if k.kind == kindEntries {
			changes = append(changes, k.diffEntries(now, next)...)
		} else if !reflect.DeepEqual(k.field(now).Interface(), k.field(next).Interface()) {
			changes = append(changes, Change{Key: k.Name, Old: k.Text(now), New: k.Text(next), Restart: k.Restart})
		}
	}
	return changes
}

// Reloaded returns what is in force after a reload: next where a change is live, and
// now where it waits for a restart. It shares lists and maps with both.
func Reloaded(now, next *Config) *Config {
	c := *now
	for _, k := range keys.keys {
		if !k.Restart {
			k.field(&c).Set(k.field(next))
		}
	}
	return &c
}
