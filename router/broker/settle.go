package broker

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
)

// A settler is a publisher that wants to know when the subscriptions of its topic have
// taken what is queued for them. It follows each of them. A message costs nothing for
// that: the queues count what was taken anyway, and only a queue that a settler waits for
// wakes the routing thread when it has counted something. Routing thread only.
type settler struct {
	session    *Session
	number     uint64
	topic      string
	generation uint64 // of the routes, when followed was made up to date
	followed   []*followed
	charge     charge.Charge
	lane       bus.Lane

	// The settle that is not answered yet.
	answer  func(frame.Settled, error) // nil: there is none
	waiting int                        // how many of followed wait

	// Since the last answer, of subscriptions that have ended.
	lost uint64
	left uint32
}

// followed is a subscription of a settler.
type followed struct {
	w         *settler
	s         *Sub
	target    uint64 // Matched when the settle came
	lost      uint64 // what the last answer knew of
	waits     bool   // until target is reached
	atSettler int    // its place in w.followed
	atSub     int    // its place in s.settling.followers
}

// subSettling is what a subscription keeps for its settlers.
type subSettling struct {
	followers []*followed
	asked     [queue.LaneCount]uint64 // at which total its client was asked to report; 0: it was not
	note      func()                  // see settledSubs
	noted     bool                    // guarded by settledSubs.mu; it is in subs
}

const (
	maxSettlers   = 32
	settlerBytes  = int64(unsafe.Sizeof(settler{})) + 160                                   // with its place in the map, and the function
	followedBytes = int64(unsafe.Sizeof(followed{})+unsafe.Sizeof(subSettling{})) + 48 + 32 // with its places in both lists, which may be half empty, and note
)

// settledSubs are the subscriptions whose queues have counted messages that a settler waits
// for. Their consumers put them here.
type settledSubs struct {
	mu   sync.Mutex
	subs []*Sub // guarded by mu
}

func (x *settledSubs) any() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.subs) > 0
}

// add is safe for concurrent use.
func (x *settledSubs) add(s *Sub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !s.settling.noted {
		s.settling.noted = true
		x.subs = append(x.subs, s)
	}
}

// take returns those that were added.
func (x *settledSubs) take() (subs []*Sub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	subs, x.subs = x.subs, nil
	for _, s := range subs {
		s.settling.noted = false
	}
	return subs
}

// SettlePublisher has answer called when all that is queued now for the subscriptions of a topic
// has been taken or lost, or with an error when the session or the publisher ends before
// that. number is the client's own for the publisher. The first settle of a publisher is
// answered at once. A later one takes the place of one that is not answered yet.
func (p *Session) SettlePublisher(number uint64, name []byte, answer func(frame.Settled, error)) error {
	p.b.endBurst()
	if p.closed {
		return bus.ErrClosed
	}
	t, work, err := p.topics.Find(name)
	p.work.Add(work)
	if err == nil {
		err = t.Err
	}
	if err != nil {
		return err
	}
	w := p.settlers[number]
	begins := w == nil
	switch {
	case begins && len(p.settlers) >= maxSettlers:
		return &bus.LimitError{Limit: "max_settling_publishers", Max: maxSettlers, Got: maxSettlers + 1}
	case begins:
		w = &settler{session: p, number: number, topic: t.Route.Topic, lane: t.Route.Lane, charge: p.account.Empty(charge.Sessions)}
	case w.topic != string(name):
		return fmt.Errorf("%w: publisher %d publishes on another topic", frame.ErrUnexpected, number)
	}
	if err := w.follow(t.Route, begins); err != nil {
		if begins {
			w.end()
		}
		return err
	}
	p.work.Add(len(w.followed))
	if begins {
		if p.settlers == nil {
			p.settlers = make(map[uint64]*settler)
		}
		p.settlers[number] = w
	}
	w.answer = answer
	if !begins {
		w.await()
	}
	if w.waiting == 0 {
		w.settled(begins)
	}
	return nil
}

// EndPublisher forgets the publisher with that number.
func (p *Session) EndPublisher(number uint64) {
	if w := p.settlers[number]; w != nil {
		w.end()
	}
}

// SettleFrame is SettlePublisher for a settle frame of a socket's client, which gets the
// answer as a frame, and EndPublisher for one with the flag drain.
func (p *Session) SettleFrame(f frame.Frame) error {
	if p.features&frame.FeatureSettle == 0 {
		return frame.ErrUnexpected
	}
	number, err := frame.ParseSettle(f.Payload())
	if err != nil {
		return err
	}
	if f.Flags()&frame.FlagDrain != 0 {
		p.EndPublisher(number)
		return nil
	}
	id := f.ID()
	return p.SettlePublisher(number, f.Topic(), func(s frame.Settled, err error) {
		if err != nil {
			return // the client has ended the connection or the publisher
		}
		p.send(bus.Urgent, func(dst []byte) []byte {
			return frame.AppendSettled(frame.AppendControl(dst, frame.TypeSettled, id, p.b.now, frame.SettledSize), s)
		})
	})
}

// follow adds the subscriptions of the settler's topic that it does not follow yet. Those
// that have come since the last time are counted from their first message on.
func (w *settler) follow(r *route, begins bool) error {
	b := w.session.b
	if w.generation == b.routes.Generation() {
		return nil
	}
	n := len(w.followed)
	for range r.Subscribers() {
		n++
	}
	if err := w.session.account.hold(&w.charge, w.bytes(n)); err != nil {
		return err
	}
	b.makeRoom(0)
	for s := range r.Subscribers() {
		if s.spec.Policy() == bus.Conflate || s.isFollowedBy(w) {
			continue
		}
		if s.settling == nil {
			x := &subSettling{}
			x.note = func() { b.settled.add(s); b.signal.Notify() }
			s.settling = x
		}
		x := s.settling
		f := &followed{w: w, s: s, atSettler: len(w.followed), atSub: len(x.followers)}
		if begins {
			_, f.lost = s.Queue.Settled(w.lane)
		}
		w.followed = append(w.followed, f)
		x.followers = append(x.followers, f)
	}
	w.generation = b.routes.Generation()
	w.charge.Resize(w.bytes(len(w.followed)))
	return nil
}

// bytes returns the memory of a settler that follows n subscriptions.
func (w *settler) bytes(n int) int64 {
	return settlerBytes + int64(len(w.topic)) + int64(n)*followedBytes
}

func (s *Sub) isFollowedBy(w *settler) bool {
	if s.settling == nil {
		return false
	}
	for _, f := range s.settling.followers {
		if f.w == w {
			return true
		}
	}
	return false
}

// await begins to wait for all that the settler's subscriptions have queued.
func (w *settler) await() {
	w.waiting = 0
	for _, f := range w.followed {
		q := &f.s.Queue
		f.target = q.Matched(w.lane)
		q.WatchSettled(&f.s.settling.note)
		settled, _ := q.Settled(w.lane) // what is counted from here on is noted
		if f.waits = settled < f.target; f.waits {
			w.waiting++
			f.s.ask(w.lane)
		} else {
			f.s.unwatch()
		}
	}
}

// unwatch ends the notes of a queue that no settler waits for.
func (s *Sub) unwatch() {
	for _, f := range s.settling.followers {
		if f.waits {
			return
		}
	}
	s.Queue.WatchSettled(nil)
}

// ask asks the client of s to report when it has taken what is waited for first. Without
// that it would report within a second.
func (s *Sub) ask(ln bus.Lane) {
	if !s.Queue.Reported() || s.session.features&frame.FeatureSettle == 0 {
		return
	}
	settled, _ := s.Queue.Settled(ln)
	least := uint64(math.MaxUint64)
	for _, f := range s.settling.followers {
		if f.waits && f.w.lane == ln {
			least = min(least, f.target-min(settled, f.target))
		}
	}
	if least == 0 || least == math.MaxUint64 {
		return
	}
	at := s.Queue.ReportedTotal(ln) + least
	if asked := s.settling.asked[ln]; asked != 0 && asked <= at {
		return // its report comes first
	}
	s.settling.asked[ln] = at
	// Not the lane of answers, because it must evict none of those.
	s.session.send(bus.Bulk, func(dst []byte) []byte {
		dst = frame.AppendControl(dst, frame.TypeCredit, s.ID, s.session.b.now, frame.CreditSize)
		return frame.AppendCredit(dst, frame.Credit{Subscription: s.ID, Lane: ln, Consumed: at})
	})
}

// reportCame is called when the client of s has reported.
func (s *Sub) reportCame(ln bus.Lane) {
	if x := s.settling; x != nil && x.asked[ln] <= s.Queue.ReportedTotal(ln) {
		x.asked[ln] = 0
	}
}

// noteDropped is called when the broker has dropped messages of s.
func (s *Sub) noteDropped() {
	if s.settling != nil && len(s.settling.followers) > 0 {
		s.session.b.settled.add(s)
	}
}

// checkSettled answers the settlers whose subscriptions have taken all. It reports whether
// there was anything to check.
func (b *Broker) checkSettled() bool {
	subs := b.settled.take()
	for _, s := range subs {
		for _, f := range s.settling.followers {
			if settled, _ := s.Queue.Settled(f.w.lane); !f.waits || settled < f.target {
				continue
			}
			f.waits = false
			if f.w.waiting--; f.w.waiting == 0 {
				f.w.settled(false)
			}
		}
		s.unwatch()
		for ln := range s.settling.asked {
			s.ask(bus.Lane(ln))
		}
	}
	return len(subs) > 0
}

// settled answers the settle.
func (w *settler) settled(begins bool) {
	a := frame.Settled{Subscriptions: uint32(len(w.followed)), Lost: w.lost, Left: w.left, Begins: begins}
	w.lost, w.left = 0, 0
	for i, f := range w.followed {
		capacity := f.s.granted
		if w.lane == bus.Urgent {
			capacity = f.s.Queue.Capacity(bus.Urgent)
		}
		if i == 0 || capacity < int(a.Queue) {
			a.Queue = uint32(capacity)
		}
		_, lost := f.s.Queue.Settled(w.lane)
		a.Lost += lost - f.lost
		f.lost = lost
	}
	answer := w.answer
	w.answer = nil
	answer(a, nil)
}

// unfollow is called when s ends: what its program has not taken is lost, but for what
// was handed over to other members of its group, which is waited for there.
func (s *Sub) unfollow() {
	for s.settling != nil && len(s.settling.followers) > 0 {
		f := s.settling.followers[len(s.settling.followers)-1]
		w := f.w
		settled, lost := s.Queue.Settled(w.lane)
		if n := s.Queue.Matched(w.lane) - settled; n > 0 {
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
		if s.spec.Group != "" {
			w.await()
		}
		if w.waiting == 0 {
			w.settled(false)
		}
	}
}

// detach takes f out of both lists.
func (f *followed) detach() {
	x := f.s.settling
	f.w.followed = removeAt(f.w.followed, f.atSettler, func(moved *followed) { moved.atSettler = f.atSettler })
	x.followers = removeAt(x.followers, f.atSub, func(moved *followed) { moved.atSub = f.atSub })
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

// end forgets a settler. A settle that is not answered fails.
func (w *settler) end() {
	for len(w.followed) > 0 {
		w.followed[len(w.followed)-1].detach()
	}
	delete(w.session.settlers, w.number)
	w.charge.Release()
	if answer := w.answer; answer != nil {
		w.answer = nil
		answer(frame.Settled{}, bus.ErrClosed)
	}
}
