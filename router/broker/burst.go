package broker

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// burst collects messages that follow each other on one topic, from one session, in
// one buffer, so that what has to be done for each subscriber is done once for
// all of them.
type burst struct {
	route   *route
	session *Session
	buf     *buffer.Buffer
	items   []queue.Item // of capacity routes.MaxBurst
	flags   frame.Flags  // of all messages together
	bytes   uint64
	pairs   int // steps that tags and metadata cost
	inflate int // bytes that are to be inflated
	queued  int // of the last burst that was delivered: how many subscriptions took its messages, summed

	inflated []inflated
	parsed   []filter.Message
	messages []filter.Message // parsed, of this burst; nil where no filter is
}

// inflated is a message of the burst that is not compressed any more.
type inflated struct {
	buf  *buffer.Buffer // nil: not yet, or it failed
	err  error
	done bool
}

// inflateBytes are inflated in a step of work.
const inflateBytes = 32

// add appends a message. It fills the slot in field by field: a literal would be
// put together on the stack and copied in larger pieces than it was written in, and
// the processor waits for each of those.
func (r *burst) add(buf *buffer.Buffer, off, n int) {
	r.items = r.items[:len(r.items)+1]
	it := &r.items[len(r.items)-1]
	it.Buf, it.Off, it.Len = buf, uint32(off), uint32(n)
}

// addWork adds the work of the last message, f, that differs from message to message. It
// reports whether the burst is enough work now.
func (r *burst) addWork(f frame.Frame, maxFrame int) (enough bool) {
	r.pairs += r.route.PairWork(f)
	if f.Flags()&frame.FlagCompressed != 0 && r.route.Inflates {
		if n, err := frame.InflatedLen(f, maxFrame); err == nil {
			r.inflate += n
		}
	}
	return r.pairs+r.inflate/inflateBytes >= TurnWork
}

// steps returns what routing the burst has cost, but for what was inflated.
func (r *burst) steps() int {
	steps := len(r.items) * (1 + r.route.Work)
	if r.route.Pairs > 0 {
		for i := range r.messages {
			steps += r.route.Pairs * filter.PairWork * r.messages[i].Pairs()
		}
	}
	return steps
}

// parse finds out what filters ask of the messages.
func (r *burst) parse() {
	if len(r.route.Filtered) == 0 && len(r.route.Groups) == 0 {
		return
	}
	for len(r.parsed) < len(r.items) {
		r.parsed = append(r.parsed, filter.Message{})
	}
	for i := range r.items {
		r.parsed[i].Parse(r.items[i].Frame(), r.route.Needs)
	}
	r.messages = r.parsed[:len(r.items)]
}

// shared returns where the burst keeps a message inflated, or nil for a message that is not
// of the burst.
func (r *burst) shared(it *queue.Item) *inflated {
	if it.Buf != r.buf {
		return nil
	}
	i, ok := slices.BinarySearchFunc(r.items, it.Off, func(x queue.Item, off uint32) int { return cmp.Compare(x.Off, off) })
	if !ok {
		return nil
	}
	for len(r.inflated) < len(r.items) {
		r.inflated = append(r.inflated, inflated{})
	}
	return &r.inflated[i]
}

// reset empties the burst, and gives back what was inflated for it.
func (r *burst) reset() {
	r.items = r.items[:0]
	for i := range r.inflated {
		if buf := r.inflated[i].buf; buf != nil {
			buf.Release(1)
		}
	}
	clear(r.inflated)
	r.inflated = r.inflated[:0]
	r.route, r.session, r.buf, r.flags, r.bytes, r.pairs, r.inflate, r.messages = nil, nil, nil, 0, 0, 0, 0, nil
}
