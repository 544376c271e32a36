package ecs

import (
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/event"
)

// member is a field as JSON has it.
type member struct {
	field     event.Field
	kind      event.Kind
	path      []string // the objects that it is in, and its key
	listed    bool     // the schema wants a list of its one text
	ancestors bool     // begins with the parent
}

// members are the fields of each table in the order of JSON: those of one object
// stand together. Table 0 is that of an event of an unknown type.
var members = [...][]member{
	0:                      order(0),
	event.TableProcess:     order(event.TableProcess),
	event.TableNetwork:     order(event.TableNetwork),
	event.TableFilesystem:  order(event.TableFilesystem),
	event.TablePerformance: order(event.TablePerformance),
	event.TableGap:         order(event.TableGap),
}

// The names, or objects, that come first in JSON, and the one that comes last,
// with what is our own before it.
var (
	first = []string{
		"@timestamp", "event.action", "event.kind", "event.category", "event.type", "event.sequence", "event",
		"host.name", "host.boot", "host", "labels", "process.pid", "process.entity_id", "process",
	}
	own  = []string{"daemoneye.monotonic_ns", "daemoneye.start_ticks"}
	last = "daemoneye.context"
)

func order(t event.Table) []member {
	all := t.Fields()
	names := slices.Clone(first)
	for _, ours := range []bool{false, true} {
		if ours {
			names = append(names, own...)
		}
		for _, f := range all {
			if strings.HasPrefix(f.Name(), "daemoneye.") == ours && f.Name() != last {
				names = append(names, f.Name())
			}
		}
	}
	var root node
	for _, name := range append(names, last) {
		root.at(strings.Split(name, "."))
	}
	for _, f := range all {
		root.at(strings.Split(f.Name(), ".")).field = f
	}
	return root.members(nil)
}

// node is an object of JSON, or a field in one.
type node struct {
	name  string
	field event.Field
	in    []*node
}

// at returns the node with that path below n, and makes it if there is none.
func (n *node) at(path []string) *node {
	for _, name := range path {
		i := slices.IndexFunc(n.in, func(c *node) bool { return c.name == name })
		if i < 0 {
			i = len(n.in)
			n.in = append(n.in, &node{name: name})
		}
		n = n.in[i]
	}
	return n
}

func (n *node) members(all []member) []member {
	if f := n.field; !f.IsZero() {
		all = append(all, member{
			field: f.Inherited(), kind: f.Kind(), path: strings.Split(f.Name(), "."),
			listed:    f.Name() == "event.category" || f.Name() == "event.type",
			ancestors: strings.HasPrefix(f.Name(), "process.ancestors."),
		})
	}
	for _, c := range n.in {
		all = c.members(all)
	}
	return all
}
