package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Rule says what a replay keeps of the topics of a pattern, for subscribers that come
// late or come back. Whatever bound is met first drops the oldest.
type Rule struct {
	Pattern string
	// MaxCount messages are kept; default 1024.
	MaxCount int
	// MaxBytes of frames are kept, in memory of up to twice that; default 1 MiB. What
	// is kept beside them (the order, and the names of topics) takes at most as much
	// again, or 1 MiB where that is more.
	MaxBytes int64
	// MaxAge is how old a message may get; 0, the default, means any age.
	MaxAge time.Duration
}

// Replay keeps the latest messages that its rule selects, packed into buffers of its
// own.
type Replay struct {
	rule    Rule
	pattern topic.Patterns
	pool    *buffer.Pool
	buf     *buffer.Buffer // where the next message is copied to
	used    int            // of buf

	// records are the messages in the order of their sequences: first those that
	// have expired and are remembered, so that a gap can say how many a subscriber
	// missed, and from kept on those that are there. number is that of the first.
	records []record
	number  uint64
	kept    int
	bytes   int64 // of the frames that are kept
	beside  int64 // what records and logs take, by estimate
	names   topic.Names[*log]
	logs    map[string]*log
	search  uint64
	// forgotten is the sequence up to which expired messages are not remembered.
	forgotten uint64
}

// record is one message. Its item has no buffer when it has expired.
type record struct {
	item queue.Item
	seq  uint64
	at   int64
	log  *log
}

// log is one topic's messages: their numbers, oldest first.
type log struct {
	topic   string
	lane    bus.Lane
	numbers []uint64
	found   uint64 // the last search that found it
}

// MaxExpired is how many messages that have expired are remembered at least; twice as
// many at most.
const MaxExpired = 8192

// What a record and a topic's log take beside the frames, measured on 64-bit Linux as
// the growth of the heap, and rounded up; memory_test.go compares them.
const (
	recordBytes = 128
	logBytes    = 256 // beside its topic's place among the names
	leastBeside = 1 << 20
)

// bufferSize is how large the buffers are that messages are packed into.
const bufferSize = 64 << 10

// NewReplay returns an empty replay whose buffers come from pool. An error names what
// is wrong with the rule.
func NewReplay(rule Rule, pool *buffer.Pool) (*Replay, error) {
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
	return &Replay{rule: rule, pattern: ps, pool: pool, logs: make(map[string]*log)}, nil
}

// Rule returns the rule with its defaults filled in.
func (s *Replay) Rule() Rule { return s.rule }

// Takes reports whether the replay keeps messages on name.
func (s *Replay) Takes(name string) bool { return s.pattern.Match(name) }

// Beside returns how much memory the replay takes beside its buffers, by estimate.
func (s *Replay) Beside() int64 { return s.beside }

// Add keeps copies of items, messages on the topic name, which came at now.
func (s *Replay) Add(name string, lane bus.Lane, items []queue.Item, now int64) {
	if len(items) == 0 {
		return
	}
	l := s.logs[name]
	if l == nil {
		l = &log{topic: name, lane: lane}
		s.logs[name] = l
		s.names.Put(name, l)
		s.beside += logBytes + topic.NameBytes(name)
	}
	for i := range items {
		f := items[i].Frame()
		if s.buf == nil || len(s.buf.B)-s.used < len(f) {
			if s.buf != nil {
				s.buf.Release(1)
			}
			s.buf, s.used = s.pool.Get(max(bufferSize, len(f))), 0
			s.buf.B = s.buf.B[:cap(s.buf.B)]
		}
		off := s.used
		s.used += copy(s.buf.B[off:], f)
		s.buf.Retain(1)
		l.numbers = append(l.numbers, s.number+uint64(len(s.records)))
		s.records = append(s.records, record{
			item: queue.Item{Buf: s.buf, Off: uint32(off), Len: uint32(len(f))},
			seq:  f.Sequence(), at: now, log: l,
		})
		s.beside += recordBytes
		s.bytes += int64(len(f))
	}
	s.Trim(now)
}

// Trim drops what is beyond the bounds.
func (s *Replay) Trim(now int64) {
	for s.kept < len(s.records) {
		r := &s.records[s.kept]
		tooOld := s.rule.MaxAge > 0 && now-r.at > int64(s.rule.MaxAge)
		if len(s.records)-s.kept <= s.rule.MaxCount && s.bytes <= s.rule.MaxBytes && !tooOld {
			break
		}
		s.expire()
	}
	// Records are forgotten in large steps, because those behind have to be moved.
	if s.kept >= 2*MaxExpired {
		s.forget(s.kept - MaxExpired)
	}
	for most := max(s.rule.MaxBytes, leastBeside); s.beside > most && len(s.records) > 0; {
		n := (len(s.records) + 7) / 8 // what has expired goes before what has not
		for s.kept < n {
			s.expire()
		}
		s.forget(n)
	}
}

// expire drops the oldest message that is kept, and remembers that there was one.
func (s *Replay) expire() {
	r := &s.records[s.kept]
	s.bytes -= int64(r.item.Len)
	r.item.Buf.Release(1)
	r.item.Buf = nil
	s.kept++
}

// forget drops the records of the n oldest messages, which have expired.
func (s *Replay) forget(n int) {
	for i := range s.records[:n] {
		r := &s.records[i]
		l := r.log
		if l.numbers = l.numbers[1:]; len(l.numbers) == 0 {
			delete(s.logs, l.topic)
			s.names.Delete(l.topic)
			s.beside -= logBytes + topic.NameBytes(l.topic)
		}
		s.forgotten = r.seq
	}
	s.records = slices.Delete(s.records, 0, n)
	s.number += uint64(n)
	s.kept -= n
	s.beside -= int64(n) * recordBytes
}

// Collect adds to p what the replay has, and what it had and has no longer, of the
// messages that want selects.
func (s *Replay) Collect(want *Want, p *Past) {
	if s.forgotten >= want.From && s.forgotten > 0 && s.pattern[0].Overlaps(want.Patterns) {
		p.Unknown = true
	}
	s.search++
	for _, pattern := range want.Patterns {
		p.Visited += s.names.Select(pattern, func(name string, l *log) {
			if l.found == s.search {
				return // by another pattern
			}
			l.found = s.search
			if want.takesTopic(name) {
				p.Visited += len(l.numbers)
				s.collect(l, want, p)
			}
		})
	}
}

// collect adds one topic's messages.
func (s *Replay) collect(l *log, want *Want, p *Past) {
	for _, number := range l.numbers {
		r := &s.records[number-s.number]
		switch {
		case r.seq < want.From:
		case r.item.Buf == nil:
			p.expired = append(p.expired, expired{r.seq, r.item.Len, l.lane})
		case want.takes(r.item.Frame(), l.topic):
			p.Messages = append(p.Messages, Message{Item: r.item, Lane: l.lane})
		}
	}
}

// Release drops all that is kept.
func (s *Replay) Release() {
	for s.kept < len(s.records) {
		s.expire()
	}
	s.forget(len(s.records))
	if s.buf != nil {
		s.buf.Release(1)
		s.buf = nil
	}
}
