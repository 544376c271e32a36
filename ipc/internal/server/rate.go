package server

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// bucket is a token bucket whose tokens may fall below zero: one read takes what it
// takes, and then nothing is read until there are tokens again.
type bucket struct {
	perSecond int64 // 0: no bound
	tokens    int64 // in billionths of a message
	at        int64 // when tokens was right
}

// spend takes the tokens for n messages from c's bucket, and stops reading c while there
// are none. That makes the client wait and loses nothing.
func (c *conn) spend(n int) {
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
	if r.tokens < 0 && c.hold&holdRate == 0 {
		c.session.CountPause()
		c.s.rateHeld = append(c.s.rateHeld, c)
		c.setHold(holdRate)
	}
}

// wait returns how long it takes at now until there are tokens again.
func (r *bucket) wait(now int64) time.Duration {
	return time.Duration(-r.tokens/r.perSecond - (now - r.at))
}

// releaseRateHeld reads the clients again that have tokens, and returns how long the
// next one still has to wait.
func (s *Server) releaseRateHeld() time.Duration {
	now := frame.Now()
	next := time.Hour
	kept := s.rateHeld[:0]
	for _, c := range s.rateHeld {
		if !c.state.reads() {
			continue
		}
		if wait := c.rate.wait(now); wait > 0 {
			next = min(next, wait)
			kept = append(kept, c)
			continue
		}
		c.clearHold(holdRate, now)
	}
	clear(s.rateHeld[len(kept):])
	s.rateHeld = kept
	return next
}
