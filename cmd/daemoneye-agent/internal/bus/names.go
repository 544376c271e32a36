package bus

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// namesOf returns the function that finds the name in JSON of a field of t by any of
// its names: in Sigma rules a field has others.
func namesOf(t event.Table) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		f, ok := event.FieldByName(t, name)
		if !ok {
			return "", false
		}
		return f.Name(), true
	}
}

// warnUnknown warns of fields that no event of the agent has. They are no error, because
// the JSON of other publishers may have them.
func warnUnknown(p *cli.Program, where []display.Condition, fields []string) {
	for _, c := range where {
		fields = append(fields[:len(fields):len(fields)], c.Field())
	}
	for _, name := range fields {
		known := false
		for t := event.TableProcess; t <= event.TableGap; t++ {
			_, ok := event.FieldByName(t, name)
			known = known || ok
		}
		if !known {
			fmt.Fprintf(p.Err, "tail: no event of the agent has the field %q, only JSON of other publishers may have it%s\n", name, cli.Meant(name, fieldNames()))
		}
	}
}

// fieldNames are all names of all fields.
func fieldNames() (all []string) {
	for t := event.TableProcess; t <= event.TableGap; t++ {
		for _, f := range t.Fields() {
			all = append(append(all, f.Name()), f.Aliases()...)
		}
	}
	return all
}
