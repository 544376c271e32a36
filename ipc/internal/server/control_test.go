package server

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
)

// TestAnswersThatAreNotTakenAreBounded has a client send frames that are at fault, and take
// no answers: when it is not read any more, the answers that wait are few.
func TestAnswersThatAreNotTakenAreBounded(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]frame.Fields{
		"faults of frames":    {Type: frame.TypeWelcome},
		"bad subscriptions":   {Type: frame.TypeSubscribe, Payload: []byte(`{"topic_patterns":["` + string(make([]byte, 2000)) + `"]}`)},
		"ended subscriptions": {Type: frame.TypeUnsubscribe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, client := newTestConn(t, ready)
			b, err := frame.Append(nil, &f)
			if err != nil {
				t.Fatal(err)
			}
			for sent := 0; !c.readsHeld(); sent += len(b) {
				if sent > 64<<20 {
					t.Fatal("it is read on and on")
				}
				if _, err := unix.Write(int(client.Fd()), b); err != nil && !errors.Is(err, unix.EAGAIN) {
					t.Fatal(err)
				}
				c.s.routeHeldWork()
				c.event(readable)
				c.s.b.EndBatch()
				if len(c.ctl) > 0 && !c.blocked {
					c.flush() // the end of a turn
				}
			}
			waits := len(c.ctl)
			for _, p := range c.unsent.pieces {
				waits += len(p)
			}
			const most = 3 * maxCtl // queued, written in part, and what a turn brings
			if c.state != ready || waits > most {
				t.Errorf("state %d, and %d bytes of answers wait, want at most %d", c.state, waits, most)
			}
		})
	}
}
