package queue

import (
	"runtime"
	"sync/atomic"
)

// seqlock is a pair of numbers that the producer writes and the consumer reads as one:
// a sequence number with the bytes before it, or with a reason; for a conflating lane
// the two numbers of laneLoss. It is a sequence lock: the writer never waits, and the
// reader tries again if the writer was inside.
type seqlock struct {
	version  atomic.Uint64 // odd while the pair is being written
	seq, pos atomic.Uint64
}

func (m *seqlock) store(seq, pos uint64) {
	m.version.Add(1)
	m.seq.Store(seq)
	m.pos.Store(pos)
	m.version.Add(1)
}

// stored reports whether store was ever called.
func (m *seqlock) stored() bool { return m.version.Load() > 0 }

func (m *seqlock) load() (seq, pos, version uint64) {
	for {
		version = m.version.Load()
		seq, pos = m.seq.Load(), m.pos.Load()
		if version&1 == 0 && m.version.Load() == version {
			return seq, pos, version
		}
		runtime.Gosched()
	}
}
