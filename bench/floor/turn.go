package floor

import (
	"golang.org/x/sys/unix"
)

// forward writes what the publishers of this turn have brought to each subscriber,
// and does not return before each has all of it: a floor has no queues. Subscribers
// that take only a part are gone round again, so that one does not hold up the
// others.
func (r *batchedRelay) forward() {
	if len(r.turn) == 0 {
		return
	}
	for _, s := range r.subscribers {
		s.written = 0
	}
	for {
		var behind []unix.PollFd // stays empty, and allocates nothing, while subscribers keep up
		for _, s := range r.subscribers {
			if !r.write(s) {
				behind = append(behind, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLOUT})
			}
		}
		if len(behind) == 0 {
			break
		}
		_, _ = unix.Poll(behind, -1) // interrupted or not, the writes are tried again
	}
	for _, p := range r.turn {
		p.have = copy(p.buf, p.buf[p.end:p.have])
	}
	r.turn = r.turn[:0]
}

// write gives a subscriber what it has not had of this turn, and reports whether it has
// all. One that has gone has all it will get; its end is seen in a later turn.
func (r *batchedRelay) write(s *batchedConn) bool {
	var pieces [16]unix.Iovec
	n, skip, left := 0, s.written, 0
	for _, p := range r.turn {
		b := p.buf[:p.end]
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		b, skip = b[skip:], 0
		left += len(b)
		if n < len(pieces) {
			pieces[n].Base = &b[0]
			pieces[n].SetLen(len(b))
			n++
		}
	}
	if n == 0 {
		return true
	}
	wrote, errno := writevNow(s.fd, pieces[:n])
	if errno != 0 {
		return errno != unix.EAGAIN && errno != unix.EINTR
	}
	s.written += wrote
	return wrote == left
}
