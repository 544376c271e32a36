package process

// losses finds out how many reports the kernel dropped. The connector numbers
// the reports of each cpu without a gap, so that a hole in the numbers is a
// loss, and says how large. ENOBUFS alone would say only that there was one.
//
// One goroutine at a time.
type losses struct {
	next  []cursor // by cpu
	lost  uint64   // since the last take
	total uint64
}

type cursor struct {
	seq  uint32
	seen bool
}

// maxCPUs bounds what a message may make us allocate; Linux stops at 8192. The
// answers of old kernels are of cpu -1 and not numbered with the reports.
const maxCPUs = 1 << 14

// note takes the number of one report into account.
func (l *losses) note(cpu, seq uint32) {
	if cpu >= maxCPUs {
		return
	}
	for int(cpu) >= len(l.next) {
		l.next = append(l.next, cursor{})
	}
	c := &l.next[cpu]
	// A number from the past is no loss: the count began anew.
	if hole := seq - c.seq; c.seen && hole < 1<<31 {
		l.add(uint64(hole))
	}
	*c = cursor{seq: seq + 1, seen: true}
}

func (l *losses) add(n uint64) {
	l.lost += n
	l.total += n
}

// take returns the losses since the last call.
func (l *losses) take() uint64 {
	n := l.lost
	l.lost = 0
	return n
}
