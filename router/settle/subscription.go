package settle

import (
	"math"
	"unsafe"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Subscription is a subscription that publishers follow. Methods do nothing on a nil one,
// which no publisher has followed yet.
type Subscription struct {
	table     *Table
	queue     *queue.Queue
	granted   int
	group     bool
	ask       func(ln bus.Lane, at uint64)
	followers []*followed
	asked     [queue.LaneCount]uint64 // at which total its client was asked to report; 0: it was not
	note      func()                  // adds it to the table
	noted     bool                    // guarded by Table.mu; it is in Table.subs
}

// followed is a subscription of a publisher.
type followed struct {
	w           *Publisher
	s           *Subscription
	target      uint64 // Matched when the settle came
	lost        uint64 // what the last answer knew of
	waits       bool   // until target is reached
	atPublisher int    // its place in w.followed
	atSub       int    // its place in s.followers
}

// followedBytes is the memory of a followed with a Subscription, with its places in both
// lists, which may be half empty, and note.
const followedBytes = int64(unsafe.Sizeof(followed{})+unsafe.Sizeof(Subscription{})) + 48 + 64

// NewSubscription returns a subscription with a queue, whose bulk lane has a granted
// capacity, and which may be a member of a queue group. ask, if not nil, asks its client to
// report when it has taken as many messages of a lane in all.
func (t *Table) NewSubscription(q *queue.Queue, granted int, group bool, ask func(ln bus.Lane, total uint64)) *Subscription {
	s := &Subscription{table: t, queue: q, granted: granted, group: group, ask: ask}
	s.note = func() { t.add(s); t.wake() }
	return s
}

// ReportCame is called when the client of s has reported.
func (s *Subscription) ReportCame(ln bus.Lane) {
	if s != nil && s.asked[ln] <= s.queue.ReportedTotal(ln) {
		s.asked[ln] = 0
	}
}

// NoteDropped is called when the broker has dropped messages of s.
func (s *Subscription) NoteDropped() {
	if s != nil && len(s.followers) > 0 {
		s.table.add(s)
	}
}

// End is called when s ends: what its program has not taken is lost, except for what was
// handed over to other members of its group, which is waited for there.
func (s *Subscription) End() {
	for s != nil && len(s.followers) > 0 {
		f := s.followers[len(s.followers)-1]
		w := f.w
		settled, lost := s.queue.Settled(w.lane)
		if n := s.queue.Matched(w.lane) - settled; n > 0 {
			w.left++
			lost += n
		}
		w.lost += lost - f.lost
		f.detach()
		if w.answer == nil {
			continue
		}
		if f.waits {
			w.waiting--
		}
		if s.group {
			w.await()
		}
		if w.waiting == 0 {
			w.settled(false)
		}
	}
}

// unwatch ends the notes of a queue that no publisher waits for.
func (s *Subscription) unwatch() {
	for _, f := range s.followers {
		if f.waits {
			return
		}
	}
	s.queue.WatchSettled(nil)
}

// askReport asks the client of s to report when it has taken what is waited for first.
// Without that it would report within a second.
func (s *Subscription) askReport(ln bus.Lane) {
	if s.ask == nil || !s.queue.Reported() {
		return
	}
	settled, _ := s.queue.Settled(ln)
	least := uint64(math.MaxUint64)
	for _, f := range s.followers {
		if f.waits && f.w.lane == ln {
			least = min(least, f.target-min(settled, f.target))
		}
	}
	if least == 0 || least == math.MaxUint64 {
		return
	}
	at := s.queue.ReportedTotal(ln) + least
	if asked := s.asked[ln]; asked != 0 && asked <= at {
		return // its report comes first
	}
	s.asked[ln] = at
	s.ask(ln, at)
}

// detach takes f out of both lists.
func (f *followed) detach() {
	f.w.followed = removeAt(f.w.followed, f.atPublisher, func(moved *followed) { moved.atPublisher = f.atPublisher })
	f.s.followers = removeAt(f.s.followers, f.atSub, func(moved *followed) { moved.atSub = f.atSub })
	f.s.unwatch()
}

// removeAt puts the last of list into the place i.
func removeAt(list []*followed, i int, moved func(*followed)) []*followed {
	last := len(list) - 1
	list[i] = list[last]
	moved(list[i])
	list[last] = nil
	return list[:last]
}
