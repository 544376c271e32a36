package topic

import (
	"slices"
	"strings"
	"unsafe"
)

// Tree holds values under patterns, and finds those whose pattern matches a topic. The
// number of steps depends on the topic (at most 2^frame.MaxSegments) and on how much is
// found, but not on how many other patterns there are. So a client with many patterns does
// not slow down the topics of others. The zero Tree is empty and ready for use.
//
// One goroutine at a time.
type Tree[T comparable] struct{ root treeNode[T] }

// treeNode stands for the segments on the path to it.
type treeNode[T comparable] struct {
	children[treeNode[T]]
	wild   *treeNode[T]   // the child behind +, or behind * that is not last
	values []treeValue[T] // of patterns that end here
}

// treeValue is a value under a pattern that ends with '#', '*' or neither (0).
type treeValue[T comparable] struct {
	v    T
	tail byte
}

// Add adds v under p. A value may be added under several patterns.
func (t *Tree[T]) Add(p Pattern, v T) {
	n := &t.root
	for _, segment := range p.segments {
		n = n.child(segment)
	}
	n.values = append(n.values, treeValue[T]{v, p.tail})
}

// Remove removes v, which was added under p.
func (t *Tree[T]) Remove(p Pattern, v T) { t.root.removeValue(p.segments, treeValue[T]{v, p.tail}) }

// Empty reports whether the tree holds nothing.
func (t *Tree[T]) Empty() bool { return t.root.empty() }

// AppendMatches appends the values whose pattern matches topic, which must be valid. A
// value that was added under several such patterns is appended once for each.
func (t *Tree[T]) AppendMatches(dst []T, topic string) []T {
	return t.root.appendMatches(dst, topic, true)
}

// child returns the node behind segment. It makes one if there is none.
func (n *treeNode[T]) child(segment string) *treeNode[T] {
	if isWild(segment) {
		if n.wild == nil {
			n.wild = new(treeNode[T])
		}
		return n.wild
	}
	return n.get(segment)
}

func (n *treeNode[T]) empty() bool {
	return n.wild == nil && n.children.empty() && len(n.values) == 0
}

// removeValue reports whether the node is empty afterwards.
func (n *treeNode[T]) removeValue(segments []string, v treeValue[T]) (empty bool) {
	if len(segments) == 0 {
		if i := slices.Index(n.values, v); i >= 0 {
			last := len(n.values) - 1
			n.values[i] = n.values[last]
			n.values[last] = treeValue[T]{}
			n.values = shrunk(n.values[:last])
		}
	} else if segment := segments[0]; isWild(segment) {
		if n.wild.removeValue(segments[1:], v) {
			n.wild = nil
		}
	} else if n.find(segment).removeValue(segments[1:], v) {
		n.children.remove(segment)
	}
	return n.empty()
}

// shrunk returns s, or a copy of s if s uses less than a quarter of its memory.
func shrunk[E any](s []E) []E {
	if cap(s) > 32 && len(s) < cap(s)/4 {
		return slices.Clone(s)
	}
	return s
}

func (n *treeNode[T]) appendMatches(dst []T, rest string, more bool) []T {
	for i := range n.values {
		v := &n.values[i]
		switch v.tail {
		case 0:
			if more {
				continue
			}
		case '*':
			if !more {
				continue
			}
		}
		dst = append(dst, v.v)
	}
	if !more {
		return dst
	}
	segment, rest, more := strings.Cut(rest, ".")
	if c := n.find(segment); c != nil {
		dst = c.appendMatches(dst, rest, more)
	}
	if n.wild != nil {
		dst = n.wild.appendMatches(dst, rest, more)
	}
	return dst
}

// TreeBytes returns the most memory that a tree uses for p, whatever else is in it: a node
// for each segment, one of which has other children, and an entry in a list of values.
func TreeBytes(p Pattern) int64 {
	const (
		node  = int64(unsafe.Sizeof(treeNode[uint64]{}))
		value = 2 * int64(unsafe.Sizeof(treeValue[uint64]{})) // lists grow by half and more
		table = 176                                           // a share of a map, at worst for two children
		least = 16                                            // of a small piece of memory
	)
	return int64(len(p.segments))*(node+least) + int64(len(p.text)) + table + value
}
