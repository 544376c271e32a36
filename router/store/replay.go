package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Rule states which messages a replay keeps, for subscribers that come late or come back.
// The replay drops its oldest messages as soon as one of the bounds is exceeded.
type Rule struct {
	Pattern string
	// MaxCount bounds the number of messages; default 1024.
	MaxCount int
	// MaxBytes bounds the bytes of frames; default 1 MiB. Their buffers take up to twice
	// that, and two of the largest. The order and the names of topics use at most MaxBytes
	// more, or 1 MiB if that is more.
	MaxBytes int64
	// MaxAge bounds the age of a message; 0, the default, means any age.
	MaxAge time.Duration
}

// Replay keeps the latest messages that its rule selects, packed into buffers of its
// own.
type Replay struct {
	rule    Rule
	pattern topic.Patterns
	pool    *buffer.Pool
	buf     *buffer.Buffer // the next message is copied into it
	used    int            // bytes of buf that are used

	// records has the messages in the order of their sequences. Those before index kept
	// have expired: their frames are gone, but they are counted, so that a gap has the
	// number of messages that a subscriber missed. The others are still kept.
	records []record
	number  uint64 // of the first record
	kept    int
	bytes   int64 // of the frames that are kept
	beside  int64 // estimated memory of records and logs
	names   topic.Names[*log]
	logs    map[string]*log
	search  uint64 // number of the current Collect
	// forgotten is the highest sequence whose record has been removed.
	forgotten uint64
}

// record is one message. If it has expired, its item has no buffer.
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

// MaxExpired is how many records of expired messages are kept at least. At most there are
// twice as many.
const MaxExpired = 8192

// The memory of a record and of a topic's log beside the frames. It was measured on 64-bit
// Linux as the growth of the heap and rounded up; memory_test.go compares it.
const (
	recordBytes = 128
	logBytes    = 256 // beside its topic's place among the names
	leastBeside = 1 << 20
)

// bufferSize is the size of the buffers that messages are copied into.
const bufferSize = 64 << 10

// NewReplay returns an empty replay whose buffers come from pool. It returns an error if
// the rule is not valid.
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

// Takes reports whether the replay keeps messages of the topic name.
func (s *Replay) Takes(name string) bool { return s.pattern.Match(name) }

// Beside estimates how much memory the replay uses beside its buffers.
func (s *Replay) Beside() int64 { return s.beside }

// Add keeps copies of items, which are messages of the topic name and arrived at the time
// now.
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

// Trim drops the oldest messages until all bounds of the rule are met.
func (s *Replay) Trim(now int64) {
	for s.kept < len(s.records) {
		r := &s.records[s.kept]
		tooOld := s.rule.MaxAge > 0 && now-r.at > int64(s.rule.MaxAge)
		if len(s.records)-s.kept <= s.rule.MaxCount && s.bytes <= s.rule.MaxBytes && !tooOld {
			break
		}
		s.expire()
	}
	// Records are removed in large steps, because each removal moves all later records.
	if s.kept >= 2*MaxExpired {
		s.forget(s.kept - MaxExpired)
	}
	for most := max(s.rule.MaxBytes, leastBeside); s.beside > most && len(s.records) > 0; {
		n := (len(s.records) + 7) / 8 // the expired ones are the first
		for s.kept < n {
			s.expire()
		}
		s.forget(n)
	}
}

// expire drops the oldest message that is kept. Its record stays.
func (s *Replay) expire() {
	r := &s.records[s.kept]
	s.bytes -= int64(r.item.Len)
	r.item.Buf.Release(1)
	r.item.Buf = nil
	s.kept++
}

// forget removes the n oldest records, whose messages have expired.
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

// Collect adds to p the wanted messages that the replay has, and counts those that it no
// longer has.
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

// Compact moves what is kept beside the buffers: see Store.Compact.
func (s *Replay) Compact() {
	logs, names := make(map[string]*log, len(s.logs)), topic.Names[*log]{}
	for _, l := range s.logs {
		c := &log{topic: strings.Clone(l.topic), lane: l.lane, numbers: slices.Clone(l.numbers), found: l.found}
		logs[c.topic] = c
		names.Put(c.topic, c)
	}
	records := make([]record, len(s.records))
	for i, r := range s.records {
		r.log = logs[r.log.topic]
		records[i] = r
	}
	s.logs, s.names, s.records = logs, names, records
}

// Release drops all messages and records.
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
