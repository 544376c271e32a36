package topic

import "strings"

// Names is a set of topics, each with a value. Select finds the topics that a pattern
// matches. Its cost depends on how many topics the pattern leads to, and not on how many
// others are in the set. The zero Names is empty and ready for use.
//
// One goroutine at a time.
type Names[T any] struct {
	root nameNode[T]
	n    int
}

// nameNode stands for the segments on the path to it.
type nameNode[T any] struct {
	children[nameNode[T]]
	name string // the whole topic, if has is set
	has  bool
	val  T
}

// Len returns how many topics the set has.
func (s *Names[T]) Len() int { return s.n }

// Put adds name, which must be a valid topic, or replaces its value.
func (s *Names[T]) Put(name string, v T) {
	n := &s.root
	for rest, more := name, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, ".")
		n = n.get(segment)
	}
	if !n.has {
		s.n++
	}
	n.name, n.has, n.val = name, true, v
}

// Delete removes name if it is in the set.
func (s *Names[T]) Delete(name string) {
	if s.root.removeName(name, true) {
		s.n--
	}
}

// removeName reports whether the topic was in the set. It also removes nodes that lead to
// no topic any more.
func (n *nameNode[T]) removeName(rest string, more bool) (was bool) {
	if !more {
		was = n.has
		var none T
		n.name, n.has, n.val = "", false, none
		return was
	}
	segment, rest, more := strings.Cut(rest, ".")
	c := n.find(segment)
	if c == nil {
		return false
	}
	was = c.removeName(rest, more)
	if !c.has && c.empty() {
		n.children.remove(segment)
	}
	return was
}

// Select calls visit for each topic that p matches, in no particular order. It
// returns how many topics and segments it looked at.
func (s *Names[T]) Select(p Pattern, visit func(name string, v T)) (steps int) {
	if p.text == "" {
		return 0 // the zero Pattern matches nothing
	}
	return s.root.walk(p.segments, p.tail, visit)
}

func (n *nameNode[T]) walk(segments []string, tail byte, visit func(string, T)) (steps int) {
	steps = 1
	if len(segments) == 0 {
		switch tail {
		case '#':
			return steps + n.all(visit)
		case '*':
			n.each(func(c *nameNode[T]) { steps += c.all(visit) })
		default:
			n.visit(visit)
		}
		return steps
	}
	if segment := segments[0]; !isWild(segment) {
		if c := n.find(segment); c != nil {
			steps += c.walk(segments[1:], tail, visit)
		}
		return steps
	}
	n.each(func(c *nameNode[T]) { steps += c.walk(segments[1:], tail, visit) })
	return steps
}

// all visits the node and everything below it.
func (n *nameNode[T]) all(visit func(string, T)) (steps int) {
	steps = 1
	n.visit(visit)
	n.each(func(c *nameNode[T]) { steps += c.all(visit) })
	return steps
}

func (n *nameNode[T]) visit(visit func(string, T)) {
	if n.has {
		visit(n.name, n.val)
	}
}

// NameBytes returns the most memory that a set uses for name, whatever else is in it. The
// value and name itself are not included.
func NameBytes(name string) int64 {
	const (
		node  = 96  // with a value of one word
		table = 176 // a share of a map, at worst for two children
		least = 16  // of a small piece of memory
	)
	return (node+least)*int64(1+strings.Count(name, ".")) + int64(len(name)) + table
}
