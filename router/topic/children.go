package topic

import "strings"

// children are the child nodes of a tree's node, by the segment that leads to each. Most
// nodes have at most one child, so a map is made only for the second one. With a map in
// each node, a name with many segments would use five times as much memory. The zero value
// has no child.
type children[N any] struct {
	segment string   // leads to only
	only    *N       // nil if there is no child, or more than one
	more    *more[N] // nil if there is at most one child
}

type more[N any] struct {
	nodes map[string]*N
	peak  int // the most entries since the map was made; a map keeps the memory of those
}

func (c *children[N]) empty() bool { return c.only == nil && c.more == nil }

// find returns the child behind segment, or nil.
func (c *children[N]) find(segment string) *N {
	if c.more != nil {
		return c.more.nodes[segment]
	}
	if c.only != nil && c.segment == segment {
		return c.only
	}
	return nil
}

// get returns the child behind segment. It makes one if there is none.
func (c *children[N]) get(segment string) *N {
	if n := c.find(segment); n != nil {
		return n
	}
	n := new(N)
	segment = strings.Clone(segment) // a substring would keep the whole name in memory
	switch {
	case c.more != nil:
		c.more.nodes[segment] = n
		c.more.peak = max(c.more.peak, len(c.more.nodes))
	case c.only != nil:
		c.more = &more[N]{map[string]*N{c.segment: c.only, segment: n}, 2}
		c.segment, c.only = "", nil
	default:
		c.segment, c.only = segment, n
	}
	return n
}

// remove removes a child. If few children are left, it also gives back memory.
func (c *children[N]) remove(segment string) {
	m := c.more
	if m == nil {
		c.segment, c.only = "", nil
		return
	}
	delete(m.nodes, segment)
	switch left := len(m.nodes); {
	case left == 1:
		for segment, n := range m.nodes {
			c.segment, c.only, c.more = segment, n, nil
		}
	case left < m.peak/4:
		nodes := make(map[string]*N, left)
		for segment, n := range m.nodes {
			nodes[segment] = n
		}
		m.nodes, m.peak = nodes, left
	}
}

// each calls visit for every child, in no particular order.
func (c *children[N]) each(visit func(*N)) {
	if c.only != nil {
		visit(c.only)
	}
	if c.more != nil {
		for _, n := range c.more.nodes {
			visit(n)
		}
	}
}
