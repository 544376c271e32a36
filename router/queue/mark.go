package queue

import (
	"runtime"
	"sync/atomic"
)

// mark is a place that the producer tells the consumer of: a sequence number and
// the bytes before it (of a conflated lane: how much was lost outside its slots),
// or the reason. It is a sequence lock, whose writer never waits.
type mark struct {
	version  atomic.Uint64 // odd while the pair is being written
	seq, pos atomic.Uint64
}

func (m *mark) store(seq, pos uint64) {
	m.version.Add(1)
	m.seq.Store(seq)
	m.pos.Store(pos)
	m.version.Add(1)
}

func (m *mark) load() (seq, pos, version uint64) {
	for {
		version = m.version.Load()
		seq, pos = m.seq.Load(), m.pos.Load()
		if version&1 == 0 && m.version.Load() == version {
			return seq, pos, version
		}
		runtime.Gosched()
	}
}
