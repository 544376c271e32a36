package settle

import (
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// Publisher is a publisher that asks when the subscriptions of its topic have taken what is
// queued for them. It follows each of them.
type Publisher struct {
	// Topic is what it publishes on.
	Topic string
	// Generation is that of the routes when all subscriptions were followed.
	Generation uint64
	// Charge is for the publisher's memory, see Memory.
	Charge charge.Charge

	lane     bus.Lane
	followed []*followed

	// The settle that is not answered yet.
	answer  func(frame.Settled, error) // nil: there is none
	waiting int                        // how many of followed wait

	// Since the last answer, of subscriptions that have ended.
	lost uint64
	left uint32
}

const publisherBytes = int64(unsafe.Sizeof(Publisher{})) + 160 // with its place in a map, and the function

// NewPublisher returns a publisher on a topic of a lane.
func NewPublisher(topic string, ln bus.Lane, c charge.Charge) *Publisher {
	return &Publisher{Topic: topic, lane: ln, Charge: c}
}

// Memory returns the memory of a publisher that follows n subscriptions.
func (w *Publisher) Memory(n int) int64 {
	return publisherBytes + int64(len(w.Topic)) + int64(n)*followedBytes
}

// Len returns how many subscriptions it follows.
func (w *Publisher) Len() int { return len(w.followed) }

// Follow adds a subscription, unless it is followed already. If it came after the first
// settle, which begins, it is counted from its first message on.
func (w *Publisher) Follow(s *Subscription, begins bool) {
	for _, f := range s.followers {
		if f.w == w {
			return
		}
	}
	f := &followed{w: w, s: s, atPublisher: len(w.followed), atSub: len(s.followers)}
	if begins {
		_, f.lost = s.queue.Settled(w.lane)
	}
	w.followed = append(w.followed, f)
	s.followers = append(s.followers, f)
}

// Settle has answer called when all that is queued now has been taken or lost. The first
// settle begins, and is answered at once. A later one takes the place of one that is not
// answered yet.
func (w *Publisher) Settle(begins bool, answer func(frame.Settled, error)) {
	w.answer = answer
	if !begins {
		w.await()
	}
	if w.waiting == 0 {
		w.settled(begins)
	}
}

// End ends the publisher. A settle that is not answered fails.
func (w *Publisher) End() {
	for len(w.followed) > 0 {
		w.followed[len(w.followed)-1].detach()
	}
	w.Charge.Release()
	if answer := w.answer; answer != nil {
		w.answer = nil
		answer(frame.Settled{}, bus.ErrClosed)
	}
}

// await begins to wait for all that the publisher's subscriptions have queued.
func (w *Publisher) await() {
	w.waiting = 0
	for _, f := range w.followed {
		q := f.s.queue
		f.target = q.Matched(w.lane)
		q.WatchSettled(&f.s.note)
		settled, _ := q.Settled(w.lane) // what is counted from here on is noted
		if f.waits = settled < f.target; f.waits {
			w.waiting++
			f.s.askReport(w.lane)
		} else {
			f.s.unwatch()
		}
	}
}

// settled answers the settle.
func (w *Publisher) settled(begins bool) {
	a := frame.Settled{Subscriptions: uint32(len(w.followed)), Lost: w.lost, Left: w.left, Begins: begins}
	w.lost, w.left = 0, 0
	for i, f := range w.followed {
		capacity := f.s.granted
		if w.lane == bus.Urgent {
			capacity = f.s.queue.Capacity(bus.Urgent)
		}
		if i == 0 || capacity < int(a.Queue) {
			a.Queue = uint32(capacity)
		}
		_, lost := f.s.queue.Settled(w.lane)
		a.Lost += lost - f.lost
		f.lost = lost
	}
	answer := w.answer
	w.answer = nil
	answer(a, nil)
}
