package router

import (
	"cmp"
	"slices"
	"strings"
)

// tree finds the subscriptions that have a pattern for a topic. The steps that it
// takes depend on the topic, at most 2^MaxSegments, and on what it finds, but not
// on how many other patterns there are: a client with many of them must not make
// the topics of others dear. A node stands for the segments on the way to it.
type tree struct {
	next map[string]*tree // by the segment that follows
	one  *tree            // + follows, or * that is not last
	ends []*Sub           // of patterns that end here
	any  []*Sub           // of patterns that end with # here
	some []*Sub           // of patterns that end with * here
}

// add adds s under p.
func (n *tree) add(p Pattern, s *Sub) {
	for _, segment := range p.segments {
		n = n.child(segment)
	}
	list := n.list(p.tail)
	*list = append(*list, s)
}

// child returns the node behind segment, and makes it where there is none.
func (n *tree) child(segment string) *tree {
	if isWild(segment) {
		if n.one == nil {
			n.one = new(tree)
		}
		return n.one
	}
	c := n.next[segment]
	if c == nil {
		if n.next == nil {
			n.next = make(map[string]*tree)
		}
		c = new(tree)
		n.next[strings.Clone(segment)] = c // a segment would keep its pattern
	}
	return c
}

func (n *tree) list(tail byte) *[]*Sub {
	switch tail {
	case '#':
		return &n.any
	case '*':
		return &n.some
	}
	return &n.ends
}

// remove takes s from under p, where add put it, and reports whether the node is
// empty then.
func (n *tree) remove(p Pattern, s *Sub) (empty bool) { return n.removeFrom(p.segments, p.tail, s) }

func (n *tree) removeFrom(segments []string, tail byte, s *Sub) (empty bool) {
	if len(segments) == 0 {
		list := n.list(tail)
		if i := slices.Index(*list, s); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	} else if segment := segments[0]; isWild(segment) {
		if n.one.removeFrom(segments[1:], tail, s) {
			n.one = nil
		}
	} else if n.next[segment].removeFrom(segments[1:], tail, s) {
		delete(n.next, segment)
	}
	return n.one == nil && len(n.next)+len(n.ends)+len(n.any)+len(n.some) == 0
}

// finder collects what a topic finds, each subscription once.
type finder struct {
	found []*Sub
	round uint64 // number of this search; Sub.found is the last that found it
}

// find returns the subscriptions for topic in the order in which they came. The
// result is valid until the next call.
func (f *finder) find(t *tree, topic string) []*Sub {
	f.round++
	f.found = f.found[:0]
	f.walk(t, topic, true)
	slices.SortFunc(f.found, func(x, y *Sub) int { return cmp.Compare(x.serial, y.serial) })
	return f.found
}

func (f *finder) walk(n *tree, rest string, more bool) {
	f.take(n.any)
	if !more {
		f.take(n.ends)
		return
	}
	f.take(n.some)
	segment, rest, more := strings.Cut(rest, ".")
	if c := n.next[segment]; c != nil {
		f.walk(c, rest, more)
	}
	if n.one != nil {
		f.walk(n.one, rest, more)
	}
}

func (f *finder) take(subs []*Sub) {
	for _, s := range subs {
		if s.found != f.round {
			s.found = f.round
			f.found = append(f.found, s)
		}
	}
}
