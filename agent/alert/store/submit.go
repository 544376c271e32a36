package store

import (
	"crypto/rand"
	"math"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// item is what waits for its line.
type item struct {
	// entry makes what the line has. The writer calls it, without mu.
	entry func() (*ledger.Entry, error)
	fold  *fold // of the alert that is raised
	rule  string
	bytes int64 // that it takes in memory
	done  chan<- error
	swap  func() // instead of all others: what the writer does between two lines
}

// ruleOf names the rule of an alert.
func ruleOf(a *alert.Alert) string {
	if a.Rule.ID != "" {
		return a.Rule.ID
	}
	return a.Rule.Title
}

// Submit takes an alert. The store sets its ID, Status, Count and Raised. It is a repeat of
// one with the same DedupKey that was raised less than FoldFor ago, and then only counts; or
// it is raised: it gets a line, and then OnRaised is called. First and Last are times of
// events.
//
// It never waits for the disk. One that finds no room in memory is dropped and counted.
// Neither the alert nor what it points to may be changed afterwards.
func (s *Store) Submit(a *alert.Alert) {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.repeats(a, now) {
		return
	}
	b := *a
	b.Rule = a.Rule.Bounded()
	rule := ruleOf(&b)
	if !s.bursts.take(rule, now) {
		s.bursts.excess(&b, rule)
		if s.repeats(&b, now) {
			return
		}
	}
	bytes := footprint(&b)
	if !s.memory.take(rule, bytes) {
		return
	}
	if b.Count == 0 {
		b.Count = 1
	}
	b.ID, b.Status, b.Raised, b.Silenced, b.Notes = s.ids.next(now), alert.Open, now.UTC(), "", nil
	x := &item{rule: rule, bytes: bytes, entry: func() (*ledger.Entry, error) { return s.raise(&b), nil }}
	if folds(&b) {
		x.fold = &fold{key: b.DedupKey, rule: rule, brief: b.Brief(), count: b.Count, last: b.Last}
		s.release(s.folds.add(x.fold))
	}
	s.push(x)
}

// repeats counts a as a repeat, if it is one. With mu.
func (s *Store) repeats(a *alert.Alert, now time.Time) bool {
	if !folds(a) {
		return false
	}
	f := s.folds.get(a.DedupKey, now)
	if f == nil {
		return false
	}
	if id := f.brief.Silenced; id != "" {
		// What was silenced nobody has seen: it is raised when its silence has ended.
		if silence := s.state.Silence(id); silence == nil || !now.Before(silence.Until) {
			return false
		}
	}
	s.folds.repeat(f, max(a.Count, 1), a.Last, now)
	return true
}

// raise returns the entry of an alert that is raised.
func (s *Store) raise(a *alert.Alert) *ledger.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endSilences(s.o.Now())
	if x := s.state.Silencing(a, a.Raised); x != nil {
		a.Silenced = x.ID
	}
	if f := s.folds.byKey[a.DedupKey]; f != nil && f.brief.ID == a.ID {
		f.brief = a.Brief()
		f.raised = true
	}
	return &ledger.Entry{Kind: alert.KindRaised, Time: a.Raised, Alert: a}
}

// release has the counts of folds that were removed written. With mu.
func (s *Store) release(out []*fold) {
	for _, f := range out {
		if !f.due.IsZero() {
			s.push(s.repeatItem(f))
		}
	}
}

// repeatItem returns the item that writes the count of f. With mu.
func (s *Store) repeatItem(f *fold) *item {
	f.written()
	return &item{rule: f.rule, entry: func() (*ledger.Entry, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		b := *f.brief
		b.Count, b.Last = f.count, f.last
		now := s.o.Now()
		if x := s.state.Silencing(&b, now); x != nil { // also one that was made since the raise
			b.Silenced = x.ID
		}
		return &ledger.Entry{Kind: alert.KindRepeated, Time: now.UTC(), Alert: &b}, nil
	}}
}

// push queues x for the writer. With mu.
func (s *Store) push(x *item) {
	s.queue = append(s.queue, x)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// footprint is what an alert takes in memory, about.
func footprint(a *alert.Alert) int64 {
	const fixed = 1024 // the structs, and the fields of the rule
	n := fixed + len(a.Event) + len(a.Rule.Description)
	for _, m := range a.Members {
		n += len(m.Event) + len(m.Rule)
	}
	for _, c := range a.Context {
		n += len(c)
	}
	for _, m := range a.Matched {
		n += len(m.Value)
	}
	return int64(n)
}

// memory is the room for what is not on the disk. A rule has a quarter of it.
//
// One goroutine at a time.
type memory struct {
	max, used int64
	rules     map[string]int64
	dropped   map[string]uint64 // since the last line about it, by rule
	total     uint64            // dropped since Open
}

// take reserves room, or counts that there is none.
func (m *memory) take(rule string, bytes int64) bool {
	if m.used+bytes > m.max || m.rules[rule]+bytes > m.max/4 {
		m.total++
		m.dropped[rule]++
		return false
	}
	m.add(rule, bytes)
	return true
}

func (m *memory) add(rule string, bytes int64) {
	if m.rules == nil {
		m.rules = map[string]int64{}
	}
	m.used += bytes
	if m.rules[rule] += bytes; m.rules[rule] <= 0 {
		delete(m.rules, rule)
	}
}

// bursts bound how many alerts a rule raises.
//
// One goroutine at a time.
type bursts struct {
	limit  int
	window time.Duration
	rules  map[string]*burst
	total  uint64 // that were beyond the limit
}

type burst struct {
	began time.Time
	n     int
}

// maxBursts bounds what is remembered, whatever rules there are.
const maxBursts = 20_000

// take reports whether the rule may raise one more.
func (b *bursts) take(rule string, now time.Time) bool {
	if b.limit < 0 {
		return true
	}
	x := b.rules[rule]
	if x == nil || !within(now, x.began, b.window) {
		if b.rules == nil || len(b.rules) >= maxBursts {
			b.rules = map[string]*burst{}
		}
		x = &burst{began: now}
		b.rules[rule] = x
	}
	x.n++
	return x.n <= b.limit
}

// IncompleteBurst is the reason of the one alert that stands for many of its rule.
const IncompleteBurst = "its rule raises too many alerts: others of it, with other keys, are counted here"

// excess makes of a the alert that stands for all of its rule that are too many.
func (b *bursts) excess(a *alert.Alert, rule string) {
	b.total++
	a.DedupKey, a.FoldFor = "burst of "+rule, b.window
	a.Incomplete = append(a.Incomplete[:len(a.Incomplete):len(a.Incomplete)], IncompleteBurst)
}

// idSource makes ids that grow, also when the clock goes back.
//
// One goroutine at a time.
type idSource struct {
	last alert.ID
}

// after has all ids from now on be larger than id.
func (s *idSource) after(id alert.ID) {
	if id.Compare(s.last) > 0 {
		s.last = id
	}
}

func (s *idSource) next(now time.Time) (id alert.ID) {
	ms := min(ulid.Timestamp(now), ulid.MaxTime())
	if now.UnixMilli() < 0 {
		ms = 0
	}
	if ms <= s.last.Time() {
		id = s.last // one more than the last one
		for i := len(id) - 1; i >= 0; i-- {
			if id[i]++; id[i] != 0 {
				break
			}
		}
	} else {
		_ = id.SetTime(ms) // it is not beyond the largest
		_, _ = rand.Read(id[6:])
		id[6] &= math.MaxInt8 // so that counting on does not reach the time
	}
	s.last = id
	return id
}
