package desk

import (
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// CheckField returns a *Problem for a field that no alert of this host has: a silence that
// is about a misspelt field would do nothing, or take everything.
func CheckField(field string) error {
	for _, prefix := range []string{"labels.", "group.", "unmapped."} {
		if strings.HasPrefix(field, prefix) {
			return nil // names that others choose
		}
	}
	known := Fields()
	if slices.Contains(known, field) {
		return nil
	}
	for _, t := range tables {
		if f, ok := event.FieldByName(t, field); ok {
			return problem(Invalid, "the field %.60q is called %s here", field, f.Name())
		}
	}
	near := ""
	if n := spelling.Nearest(field, known); n != "" {
		near = ": did you mean " + n + "?"
	}
	return problem(Invalid, "no alert has a field %.60q%s", field, near)
}

var tables = []event.Table{event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance, event.TableGap}

// Fields returns the names of the fields that a condition of a silence can be about, but for
// labels.NAME and group.NAME.
func Fields() []string {
	all := slices.Clone(alert.FieldNames)
	for _, t := range tables {
		for _, f := range t.Fields() {
			all = append(all, f.Name())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
