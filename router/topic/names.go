package topic

import "strings"

// Names is a set of topics, each with a value, in which a pattern finds those that it
// matches. The cost of a search depends on what the pattern leads to and not on how
// many other topics there are. The zero Names is empty and ready for use.
//
// One goroutine at a time.
type Names[T any] struct {
	root nameNode[T]
	n    int
}

// nameNode stands for the segments on the way to it.
type nameNode[T any] struct {
	next map[string]*nameNode[T] // by the segment that follows
	name string                  // where has: the whole topic
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
		c := n.next[segment]
		if c == nil {
			if n.next == nil {
				n.next = make(map[string]*nameNode[T])
			}
			c = new(nameNode[T])
			n.next[segment] = c
		}
		n = c
	}
	if !n.has {
		s.n++
	}
	n.name, n.has, n.val = name, true, v
}

// Delete removes name, where it is in the set.
func (s *Names[T]) Delete(name string) {
	if s.root.remove(name, true) {
		s.n--
	}
}

// remove reports whether the topic was there. Nodes that lead nowhere are removed.
func (n *nameNode[T]) remove(rest string, more bool) (was bool) {
	if !more {
		was = n.has
		var none T
		n.name, n.has, n.val = "", false, none
		return was
	}
	segment, rest, more := strings.Cut(rest, ".")
	c := n.next[segment]
	if c == nil {
		return false
	}
	was = c.remove(rest, more)
	if !c.has && len(c.next) == 0 {
		delete(n.next, segment)
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
			for _, c := range n.next {
				steps += c.all(visit)
			}
		default:
			n.visit(visit)
		}
		return steps
	}
	if segment := segments[0]; !isWild(segment) {
		if c := n.next[segment]; c != nil {
			steps += c.walk(segments[1:], tail, visit)
		}
		return steps
	}
	for _, c := range n.next {
		steps += c.walk(segments[1:], tail, visit)
	}
	return steps
}

// all visits the node and everything below it.
func (n *nameNode[T]) all(visit func(string, T)) (steps int) {
	steps = 1
	n.visit(visit)
	for _, c := range n.next {
		steps += c.all(visit)
	}
	return steps
}

func (n *nameNode[T]) visit(visit func(string, T)) {
	if n.has {
		visit(n.name, n.val)
	}
}
