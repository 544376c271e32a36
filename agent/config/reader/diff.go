package reader

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

// Diff returns what differs between the values in force and the next ones, both pointers to
// the table's struct, in the order of the table.
func (t *Table) Diff(now, next any) (changes []Change) {
	for _, k := range t.keys {
		if k.kind == kindEntries {
			changes = append(changes, k.diffEntries(now, next)...)
		} else if !reflect.DeepEqual(k.Value(now), k.Value(next)) {
			changes = append(changes, Change{Key: k.Name, Old: k.Text(now), New: k.Text(next), Restart: k.Restart})
		}
	}
	return changes
}

// Adopt gives c the values of next that need no restart. It shares lists and maps with next.
func (t *Table) Adopt(c, next any) {
	for _, k := range t.keys {
		if !k.Restart {
			k.field(c).Set(k.field(next))
		}
	}
}
