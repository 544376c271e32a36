package routes

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Entry is what routing knows of a subscription of type S.
type Entry[S any] struct {
	Subscription S
	Spec         *bus.Subscription
	Queue        *queue.Queue
	Patterns     topic.Patterns
	Filter       *filter.Filter // nil: it takes every message of its topics
	Inflated     bool           // its client gets some messages inflated

	serial uint64 // its place among all, by age
	at     int    // its place in the index
	found  uint64 // the last search that found it
}

// index has all subscriptions.
type index[S any] struct {
	entries []*Entry[S]
	tree    topic.Tree[*Entry[S]]
	found   []*Entry[S] // by the last search
	search  uint64      // counts them
	serial  uint64      // of the last entry
}

func (x *index[S]) add(e *Entry[S]) {
	x.serial++
	e.serial = x.serial
	e.at = len(x.entries)
	x.entries = append(x.entries, e)
	for _, p := range e.Patterns {
		x.tree.Add(p, e)
	}
}

func (x *index[S]) remove(e *Entry[S]) {
	last := len(x.entries) - 1
	x.entries[e.at] = x.entries[last]
	x.entries[e.at].at = e.at
	x.entries[last] = nil
	x.entries = x.entries[:last]
	for _, p := range e.Patterns {
		x.tree.Remove(p, e)
	}
}

// match returns the subscriptions with a pattern for a topic, each once, in the order in
// which they came. It also returns how many patterns were found. The result is valid until
// forget.
func (x *index[S]) match(name string) (found []*Entry[S], patterns int) {
	x.search++
	x.found = x.tree.AppendMatches(x.found[:0], name)
	found = x.found[:0]
	for _, e := range x.found {
		if e.found != x.search { // by another pattern
			e.found = x.search
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(e, o *Entry[S]) int { return cmp.Compare(e.serial, o.serial) })
	return found, len(x.found)
}

// forget clears the result of match, so that it keeps no subscription that has ended.
func (x *index[S]) forget() { clear(x.found) }

// keptFound bounds the capacity of the result of match that is kept for reuse.
const keptFound = 4 << 10

func (x *index[S]) shrink() {
	if cap(x.found) > keptFound {
		x.found = nil
	}
}
