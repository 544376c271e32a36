package topic

import (
	"slices"
	"strings"
)

// Tree finds the values that were added under a pattern for a topic. The number of
// steps depends on the topic (at most 2^frame.MaxSegments) and on what is found, but
// not on how many other patterns there are. So a client with many patterns does not
// make the topics of others slower. The zero Tree is empty and ready for use.
//
// One goroutine at a time.
type Tree[T comparable] struct{ root treeNode[T] }

// treeNode stands for the segments on the way to it.
type treeNode[T comparable] struct {
	next map[string]*treeNode[T] // by the segment that follows
	one  *treeNode[T]            // + follows, or * that is not last
	ends []T                     // of patterns that end here
	any  []T                     // of patterns that end with # here
	some []T                     // of patterns that end with * here
}

// Add adds v under p. A value may be added under several patterns.
func (t *Tree[T]) Add(p Pattern, v T) {
	n := &t.root
	for _, segment := range p.segments {
		n = n.child(segment)
	}
	list := n.list(p.tail)
	*list = append(*list, v)
}

// Remove takes v from under p, where Add put it.
func (t *Tree[T]) Remove(p Pattern, v T) { t.root.remove(p.segments, p.tail, v) }

// Empty reports whether the tree holds nothing.
func (t *Tree[T]) Empty() bool { return t.root.empty() }

// AppendMatches appends the values that have a pattern for topic, which must be a
// valid topic. A value that has several such patterns is appended once for each.
func (t *Tree[T]) AppendMatches(dst []T, topic string) []T {
	return t.root.appendMatches(dst, topic, true)
}

// child returns the node behind segment, and makes it where there is none.
func (n *treeNode[T]) child(segment string) *treeNode[T] {
	if isWild(segment) {
		if n.one == nil {
			n.one = new(treeNode[T])
		}
		return n.one
	}
	c := n.next[segment]
	if c == nil {
		if n.next == nil {
			n.next = make(map[string]*treeNode[T])
		}
		c = new(treeNode[T])
		n.next[strings.Clone(segment)] = c // a segment would keep its whole pattern in memory
	}
	return c
}

func (n *treeNode[T]) list(tail byte) *[]T {
	switch tail {
	case '#':
		return &n.any
	case '*':
		return &n.some
	}
	return &n.ends
}

func (n *treeNode[T]) empty() bool {
	return n.one == nil && len(n.next)+len(n.ends)+len(n.any)+len(n.some) == 0
}

// remove reports whether the node is empty afterwards.
func (n *treeNode[T]) remove(segments []string, tail byte, v T) (empty bool) {
	if len(segments) == 0 {
		list := n.list(tail)
		if i := slices.Index(*list, v); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	} else if segment := segments[0]; isWild(segment) {
		if n.one.remove(segments[1:], tail, v) {
			n.one = nil
		}
	} else if n.next[segment].remove(segments[1:], tail, v) {
		delete(n.next, segment)
	}
	return n.empty()
}

func (n *treeNode[T]) appendMatches(dst []T, rest string, more bool) []T {
	dst = append(dst, n.any...)
	if !more {
		return append(dst, n.ends...)
	}
	dst = append(dst, n.some...)
	segment, rest, more := strings.Cut(rest, ".")
	if c := n.next[segment]; c != nil {
		dst = c.appendMatches(dst, rest, more)
	}
	if n.one != nil {
		dst = n.one.appendMatches(dst, rest, more)
	}
	return dst
}
