package store

import (
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/queue"
)

// Store has all that a broker keeps for late subscribers: retained values and replays. One
// goroutine at a time.
type Store struct {
	retained *Retained
	replays  []*Replay
	charge   charge.Charge // of what both keep beside their buffers
}

// New returns an empty store whose buffers come from pool. It returns an error if a rule is
// not valid.
func New(pool *buffer.Pool, limits Limits, rules []Rule) (*Store, error) {
	s := &Store{retained: NewRetained(pool, limits)}
	for _, rule := range rules {
		r, err := NewReplay(rule, pool)
		if err != nil {
			return nil, err
		}
		s.replays = append(s.replays, r)
	}
	return s, nil
}

// ChargeTo has the store charge its memory beside the buffers to an account. It keeps
// bounds of its own.
func (s *Store) ChargeTo(a *charge.Account) { s.charge = a.Empty(charge.Stores) }

// Rest returns how much of n bytes the bounds of all leave. It is below 0 if they are
// beyond n.
func (s *Store) Rest(n int64) int64 {
	n -= s.retained.limits.Bytes // no sum, because that could overflow
	for _, r := range s.replays {
		if n -= r.rule.MaxBytes; n < 0 {
			break
		}
	}
	return n
}

// Replays returns the replays that take messages of a topic.
func (s *Store) Replays(topic string) (takes []*Replay) {
	for _, r := range s.replays {
		if r.Takes(topic) {
			takes = append(takes, r)
		}
	}
	return takes
}

// Values returns how many topics have a retained value.
func (s *Store) Values() int { return s.retained.Len() }

// Retain keeps item as the value of its topic. It returns how many values were removed
// because of the limits.
func (s *Store) Retain(topic string, lane bus.Lane, item *queue.Item) (removed int) {
	return s.retained.Keep(topic, lane, item)
}

// Charge charges what was kept since the last call.
func (s *Store) Charge() {
	n := s.retained.Beside()
	for _, r := range s.replays {
		n += r.Beside()
	}
	s.charge.Force(n)
}

// Past returns the messages that w asks for, with the retained values if retained is true.
// next is the sequence of the next message. If the replay is to begin beyond that, another
// broker gave the number, and what was lost since then is unknown.
func (s *Store) Past(w *Want, retained bool, next uint64, now int64) *Past {
	p := new(Past)
	if retained {
		s.retained.Collect(w, p)
	}
	if w.From > 0 {
		if w.From > next {
			w.From, p.Unknown = 1, true
		}
		for _, r := range s.replays {
			r.Trim(now)
			r.Collect(w, p)
		}
		if p.HasExpired() && w.PerMessage {
			p.Unknown = true
		}
	}
	p.Settle()
	return p
}

// Trim removes what is too old at now.
func (s *Store) Trim(now int64) {
	for _, r := range s.replays {
		r.Trim(now)
	}
	s.Charge()
}

// Compact moves what is kept beside the buffers to memory of its own. Its small parts were
// allocated between those of others, which may have gone since, and a part of a few bytes
// keeps the page that it lies in.
func (s *Store) Compact() {
	for _, r := range s.replays {
		r.Compact()
	}
	s.retained.Compact()
}

// Release gives back all that is kept.
func (s *Store) Release() {
	for _, r := range s.replays {
		r.Release()
	}
	s.retained.Release()
}
