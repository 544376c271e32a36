package routes

import (
	"iter"
	"slices"
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/store"
	"github.com/daemoneye/eventbus/router/thread"
)

// Route is a topic with all that follows from it.
type Route[S any] struct {
	Topic      string
	Lane       bus.Lane
	System     bool         // the topic is the broker's own
	Step       int          // how many messages a burst may have
	Work       int          // steps that a message costs
	Pairs      int          // filters that look at tags or metadata
	Needs      filter.Needs // of the filters
	Inflates   bool         // a client that it reaches gets messages inflated
	Unfiltered []S          // take every message
	Filtered   []S          // have a filter
	Groups     []Group[S]
	Responders Group[S] // serve requests for this target
	Replays    []*store.Replay

	generation uint64
	reach      int   // how many patterns were found, until that is counted as work
	bytes      int64 // that it is charged for
}

// MaxBurst is how many messages are routed as one piece at most.
const MaxBurst = 256

// Step is how many messages one burst may bring to a queue of that capacity. The same number
// of slots should be free for the next burst.
func Step(capacity int) int { return min(MaxBurst, max(1, capacity/4)) }

// Reaches reports whether a subscription, not a responder, may take messages of the topic.
func (r *Route[S]) Reaches() bool {
	return len(r.Unfiltered) > 0 || len(r.Filtered) > 0 || len(r.Groups) > 0
}

// Subscribers returns all subscriptions of the topic, members of groups among them, and no
// responders.
func (r *Route[S]) Subscribers() iter.Seq[S] {
	return func(yield func(S) bool) {
		for _, list := range [...][]S{r.Unfiltered, r.Filtered} {
			for _, s := range list {
				if !yield(s) {
					return
				}
			}
		}
		for i := range r.Groups {
			for _, e := range r.Groups[i].members {
				if !yield(e.Subscription) {
					return
				}
			}
		}
	}
}

// Group returns the group called name, or nil.
func (r *Route[S]) Group(name string) *Group[S] {
	for i := range r.Groups {
		if r.Groups[i].Name == name {
			return &r.Groups[i]
		}
	}
	return nil
}

// reset empties a route that is to be made up to date.
func (r *Route[S]) reset(generation uint64) {
	r.Unfiltered, r.Filtered, r.Groups, r.Responders.members = nil, nil, nil, nil
	r.generation = generation
	r.Step, r.Inflates = MaxBurst, false
	r.Work, r.Pairs, r.Needs = 0, 0, 0
}

// add adds a subscription that has a pattern for the topic.
func (r *Route[S]) add(e *Entry[S]) {
	if !e.Filter.MatchesTopic(r.Topic) {
		return
	}
	r.Step = min(r.Step, Step(e.Queue.Capacity(r.Lane)))
	r.Inflates = r.Inflates || e.Inflated
	switch {
	case e.Spec.Respond:
		r.Responders.members = append(r.Responders.members, e)
	case e.Spec.Group != "":
		i := slices.IndexFunc(r.Groups, func(g Group[S]) bool { return g.Name == e.Spec.Group })
		if i < 0 {
			i = len(r.Groups)
			r.Groups = append(r.Groups, Group[S]{Name: e.Spec.Group})
		}
		r.Groups[i].members = append(r.Groups[i].members, e)
		r.addWork(e.Filter)
	case e.Filter != nil && e.Filter.PerMessage:
		r.Filtered = append(r.Filtered, e.Subscription)
		r.addWork(e.Filter)
	default:
		r.Unfiltered = append(r.Unfiltered, e.Subscription)
		r.Work++
	}
	if e.Spec.Policy() == bus.Conflate {
		r.Work += conflateWork
	}
}

// conflateWork is what it costs to find or make the topic's slot of a conflating
// subscription.
const conflateWork = 16

// The memory of a route, measured as the growth of the heap and rounded up.
const (
	routeBytes  = 320 // with its place in the map
	memberBytes = int64(unsafe.Sizeof(uintptr(0)))
	groupBytes  = int64(unsafe.Sizeof(Group[*byte]{}))
)

// size returns how much memory the route takes.
func (r *Route[S]) size() int64 {
	n := routeBytes + int64(len(r.Topic)) + groupBytes*int64(cap(r.Groups))
	n += memberBytes * int64(cap(r.Unfiltered)+cap(r.Filtered)+cap(r.Responders.members)+cap(r.Replays))
	for i := range r.Groups {
		n += memberBytes * int64(cap(r.Groups[i].members))
	}
	return n
}

// addWork adds the work of offering a message to a subscription with a filter.
func (r *Route[S]) addWork(f *filter.Filter) {
	r.Work++
	if f == nil {
		return
	}
	r.Work += f.Work
	r.Needs |= f.Needs
	if f.Pairs {
		r.Pairs++
	}
}

// limitStep bounds the burst by the work of its messages.
func (r *Route[S]) limitStep() { r.Step = min(r.Step, max(1, thread.TurnWork/max(r.Work, 1))) }

// PairWork is what a message costs beyond others of its topic, for filters that look at
// tags and metadata.
func (r *Route[S]) PairWork(f frame.Frame) int {
	const least = 5 // bytes that a pair takes
	return r.Pairs * filter.PairWork * min(len(f.Extension())/least, 2*frame.MaxTags)
}
