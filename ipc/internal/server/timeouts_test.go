package server

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/broker"
)

// TestTimeInWhichTheServerStoodStill holds that a client has the time that it has, whether or
// not the server was stopped meanwhile.
func TestTimeInWhichTheServerStoodStill(t *testing.T) {
	t.Parallel()
	const stopped = 20 * time.Second
	for name, begin := range map[string]func(c *conn, at int64){
		"without a hello": func(c *conn, at int64) { c.state, c.acceptedAt = accepted, at },
		"inside a frame":  func(c *conn, at int64) { c.part.buf, c.part.since = c.s.b.Pool().Get(1), at },
		"silent":          func(c *conn, at int64) { c.pinged, c.lastRead = true, at-int64(2*c.s.o.Heartbeat) },
		"its socket full": func(c *conn, at int64) { c.fullSince = at },
	} {
		for _, tc := range []struct {
			used, away time.Duration // before now
			ends       bool
		}{
			{time.Minute - time.Second, 0, false},
			{time.Minute + time.Second, 0, true},
			{time.Minute + stopped/2, stopped, false},
			{time.Minute + 2*stopped, stopped, true},
		} {
			c, _ := newTestConn(t, ready)
			now := frame.Now()
			begin(c, now-int64(tc.used))
			c.s.swept = now - int64(2*broker.Tick+tc.away)
			c.s.sweepIfDue()
			c.Tick(frame.Now())
			if ends := c.state == closing; ends != tc.ends {
				t.Errorf("%s for %s, with the server stopped for %s: ended is %t: %v", name, tc.used, tc.away, ends, c.why)
			}
		}
	}
}
