package connector

// Losses finds out how many reports the kernel dropped. The connector numbers
// the reports of each cpu without a gap, so that a hole in the numbers is a
// loss, and shows how large. ENOBUFS alone would show only that there was one.
//
// One goroutine at a time.
type Losses struct {
	Lost  uint64 // since the last Take
	Total uint64

	next []cursor // by cpu
}

type cursor struct {
	seq  uint32
	seen bool
}

// maxCPUs bounds what a message may make us allocate; Linux stops at 8192. The
// answers of old kernels are of cpu -1 and not numbered with the reports.
const maxCPUs = 1 << 14

// Note takes the number of one report into account.
func (l *Losses) Note(cpu, seq uint32) {
	if cpu >= maxCPUs {
		return
	}
	for int(cpu) >= len(l.next) {
		l.next = append(l.next, cursor{})
	}
	c := &l.next[cpu]
	// A number from the past is no loss: the count began anew.
	if hole := seq - c.seq; c.seen && hole < 1<<31 {
		l.Add(uint64(hole))
	}
	*c = cursor{seq: seq + 1, seen: true}
}

// Add counts n reports that are missing.
func (l *Losses) Add(n uint64) {
	l.Lost += n
	l.Total += n
}

// Take returns the losses since the last call.
func (l *Losses) Take() uint64 {
	n := l.Lost
	l.Lost = 0
	return n
}
