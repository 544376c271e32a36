package broker

import (
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
)

// What a client has the routing thread compute is counted, in steps of about 10 ns, and
// bounded in each turn: TurnWork. Who reads from a client stops when that is spent, and
// goes on in the next turn. What a client makes beyond it, because a single message may
// cost more, is taken off its next turns.
//
// The steps are estimates, made before or after the work from what is known of it: the
// number of subscriptions that a message goes to, what their filters list, the bytes that
// are inflated. They were set by BenchmarkRoute, BenchmarkFilter
// and BenchmarkPast.

// TurnWork is how many steps a client may have the routing thread make in a turn: a third
// of a millisecond. A full read of messages of 128 bytes to four subscribers is a fifth of
// it, so such a stream is not cut.
const TurnWork = 1 << 15

// What frames cost, in steps.
const (
	// FrameWork is for a frame that is answered or looked up.
	FrameWork = TurnWork / 256
	// LongWork is for one that may take long: subscribe, unsubscribe, statistics.
	LongWork = 16 * FrameWork
	// inflateBytes are inflated in a step.
	inflateBytes = 32
	// pastWork is for a message of the past that is found, put in order and queued.
	pastWork = 64
)

// BeginTurn begins a turn of a client; false means that it has still to pay for what it
// did in earlier turns, and is not to be read from.
func (p *Session) BeginTurn() bool {
	p.work = max(0, p.work-TurnWork)
	return p.work < TurnWork
}

// Spent reports whether the client has made its work for this turn. What Handle has
// collected, and EndBatch has not routed yet, is not counted.
func (p *Session) Spent() bool { return p.work >= TurnWork }

// AddWork counts steps that were made for the client elsewhere.
func (p *Session) AddWork(steps int) { p.work += steps }

// setWork finds out what a message of the route's topic costs, and with it how many may
// be routed at once.
func (r *route) setWork() {
	r.work, r.pairs, r.needs = len(r.unfiltered), 0, 0
	add := func(f *filter.Filter) {
		r.work++
		if f == nil {
			return
		}
		r.work += f.Work
		r.needs |= f.Needs
		if f.Pairs {
			r.pairs++
		}
	}
	for _, s := range r.filtered {
		add(s.filter)
	}
	for i := range r.groups {
		for _, s := range r.groups[i].members {
			add(s.filter)
		}
	}
	r.step = min(r.step, max(1, TurnWork/max(r.work, 1)))
}

// countWork counts what routing the burst costs its client.
func (b *Broker) countWork() {
	r := &b.burst
	steps := len(r.items) * (1 + r.route.work)
	if r.route.pairs > 0 {
		for i := range r.messages {
			steps += r.route.pairs * filter.PairWork * r.messages[i].Pairs()
		}
	}
	r.session.work += steps
}

// limitBurst ends the burst when its last message, f, has made it enough work.
func (b *Broker) limitBurst(f frame.Frame) {
	r := &b.burst
	r.pairs += r.route.pairWork(f)
	if f.Flags()&frame.FlagCompressed != 0 && r.route.inflates {
		if n, err := frame.InflatedLen(f, b.opts.MaxMessageSize); err == nil {
			r.inflate += n
		}
	}
	if r.pairs+r.inflate/inflateBytes >= TurnWork {
		b.endBurst()
	}
}

// pairWork is what a message costs beyond others of its topic, for filters that look at
// tags and metadata.
func (r *route) pairWork(f frame.Frame) int {
	const least = 5 // bytes that a pair takes
	return r.pairs * filter.PairWork * min(len(f.Extension())/least, 2*frame.MaxTags)
}

// parse finds out what filters ask of items.
func (r *burst) parse(rt *route, items []queue.Item) []filter.Message {
	if len(rt.filtered) == 0 && len(rt.groups) == 0 {
		return nil
	}
	for len(r.parsed) < len(items) {
		r.parsed = append(r.parsed, filter.Message{})
	}
	for i := range items {
		r.parsed[i].Parse(items[i].Frame(), rt.needs)
	}
	return r.parsed[:len(items)]
}
