package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// ReplayRule says what the broker keeps in memory of the topics of a pattern,
// for subscribers that come late or come back. Whatever bound is met first
// drops the oldest.
type ReplayRule struct {
	Pattern string
	// MaxCount messages are kept; default 1024.
	MaxCount int
	// MaxBytes of frames are kept, in memory of up to twice that; default 1 MiB.
	MaxBytes int64
	// MaxAge is how old a message may get; 0, the default, means any age.
	MaxAge time.Duration
}

// replayStore keeps copies, packed into buffers of its own, so that a message
// that is kept does not pin the buffer that it came in.
type replayStore struct {
	rule     ReplayRule
	patterns topic.Patterns
	messages []replayed // oldest first, from first on
	first    int
	bytes    int64
	buf      *frame.Buffer
	used     int // of buf
	// gone are the latest of the messages that fell out, oldest first, so that
	// a gap can say how many a subscriber missed; goneUpTo is the sequence up
	// to which that is no longer known.
	expired     []replayed
	expiredUpTo uint64
}

type replayed struct {
	item  queue.Item
	seq   uint64
	at    int64
	topic string
}

// maxExpired bounds what a store remembers of messages that fell out.
const maxExpired = 8192

func newReplayStore(rule ReplayRule) (*replayStore, error) {
	ps, err := topic.ParsePatterns(rule.Pattern)
	if err != nil {
		return nil, err
	}
	if rule.MaxCount < 0 || rule.MaxBytes < 0 || rule.MaxAge < 0 {
		return nil, fmt.Errorf("pattern %q: bounds must not be negative", rule.Pattern)
	}
	if rule.MaxCount == 0 {
		rule.MaxCount = 1024
	}
	if rule.MaxBytes == 0 {
		rule.MaxBytes = 1 << 20
	}
	return &replayStore{rule: rule, patterns: ps}, nil
}

const replayBuffer = 64 << 10

func (s *replayStore) add(b *Broker, rt *route, items []queue.Item) {
	for i := range items {
		f := items[i].Frame()
		if s.buf == nil || len(s.buf.B)-s.used < len(f) {
			if s.buf != nil {
				s.buf.Release(1)
			}
			s.buf, s.used = b.pool.Get(max(replayBuffer, len(f))), 0
			s.buf.B = s.buf.B[:cap(s.buf.B)]
		}
		off := s.used
		s.used += copy(s.buf.B[off:], f)
		s.buf.Retain(1)
		s.messages = append(s.messages, replayed{
			item: queue.Item{Buf: s.buf, Off: uint32(off), Len: uint32(len(f))},
			seq:  f.Sequence(), at: b.now, topic: rt.topic,
		})
		s.bytes += int64(len(f))
	}
	s.trim(b.now)
}

// trim drops what is beyond the bounds.
func (s *replayStore) trim(now int64) {
	old := s.first
	for ; s.first < len(s.messages); s.first++ {
		k := &s.messages[s.first]
		tooOld := s.rule.MaxAge > 0 && now-k.at > int64(s.rule.MaxAge)
		if len(s.messages)-s.first <= s.rule.MaxCount && s.bytes <= s.rule.MaxBytes && !tooOld {
			break
		}
		s.bytes -= int64(k.item.Len)
		k.item.Buf.Release(1)
		k.item.Buf = nil
	}
	s.expired = append(s.expired, s.messages[old:s.first]...)
	if over := len(s.expired) - maxExpired; over > maxExpired { // in large steps: moving costs
		s.expiredUpTo = s.expired[over-1].seq
		s.expired = slices.Delete(s.expired, 0, over)
	}
	if s.first > len(s.messages)/2 {
		s.messages = slices.Delete(s.messages, 0, s.first)
		s.first = 0
	}
}

// collect adds what the store has, and had, of the messages from from on.
func (s *replayStore) collect(sub *Sub, from uint64, e *backfill) {
	if s.expiredUpTo >= from && s.patterns[0].Overlaps(sub.patterns) {
		e.unknown = true
	}
	for _, g := range s.expired {
		if g.seq >= from && e.matchesTopic(sub, g.topic) {
			e.expired = append(e.expired, g)
		}
	}
	for i := range s.messages[s.first:] {
		k := &s.messages[s.first+i]
		if k.seq >= from && e.matchesTopic(sub, k.topic) && sub.passes(k.item.Frame(), k.topic) {
			e.items = append(e.items, k.item)
		}
	}
}

func (b *Broker) expireReplay() {
	for _, s := range b.replay {
		s.trim(b.now)
	}
}

// releaseStores gives back what replay and retained values hold.
func (b *Broker) releaseStores() {
	for _, s := range b.replay {
		for i := range s.messages[s.first:] {
			s.messages[s.first+i].item.Buf.Release(1)
		}
		s.messages, s.first = nil, 0
		if s.buf != nil {
			s.buf.Release(1)
			s.buf = nil
		}
	}
	for topic := range b.retained.values {
		b.retained.forget(topic)
	}
	if b.control != nil {
		b.control.Release(1)
		b.control = nil
	}
}
