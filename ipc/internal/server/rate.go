package server

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// bucket is a token bucket that may go into debt: a read brings in what it
// brings in, and the debt is paid by not reading.
type bucket struct {
	perSecond int64 // 0: no bound
	tokens    int64 // in billionths of a message
	at        int64
}

// charge takes n messages from c's rate, and stops reading from it for as long
// as it is in debt. That makes the client wait and loses nothing.
func (s *Server) charge(c *conn, n int) {
	r := &c.rate
	now := frame.Now()
	// Up to a tenth of a second may be saved up.
	burst := r.perSecond * int64(time.Second) / 10
	if r.at == 0 {
		r.tokens = burst
	} else {
		r.tokens = min(r.tokens+min(now-r.at, int64(time.Second))*r.perSecond, burst)
	}
	r.at = now
	r.tokens -= int64(n) * int64(time.Second)
	if r.tokens < 0 && !c.paused {
		c.paused = true
		c.port.CountPause()
		s.paused = append(s.paused, c)
		s.watch(c)
	}
}

// resume reads again from clients that have paid, and returns how long the next
// one still has to wait.
func (s *Server) resume() time.Duration {
	now := frame.Now()
	next := time.Hour
	kept := s.paused[:0]
	for _, c := range s.paused {
		debt := -c.rate.tokens / c.rate.perSecond
		if wait := debt - (now - c.rate.at); wait > 0 {
			next = min(next, time.Duration(wait))
			kept = append(kept, c)
			continue
		}
		c.paused = false
		s.readAgain(c, now)
	}
	clear(s.paused[len(kept):])
	s.paused = kept
	return next
}
