package server

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/policy"
)

// TestWhoGivesWay holds who loses its place to a new connection, the last of each list.
func TestWhoGivesWay(t *testing.T) {
	t.Parallel()
	of := func(uid, pid int) *conn { return &conn{peer: policy.Peer{UID: uid, PID: pid}} }
	for name, tc := range map[string]struct {
		list []*conn
		want int
	}{
		"all are of different users":                {[]*conn{of(1, 1), of(2, 2), of(3, 3)}, 0},
		"one user has most":                         {[]*conn{of(1, 1), of(2, 2), of(2, 3), of(3, 4)}, 1},
		"one process has most":                      {[]*conn{of(1, 1), of(1, 2), of(1, 2), of(1, 3)}, 1},
		"the newcomer's process has most":           {[]*conn{of(1, 1), of(1, 2), of(1, 2)}, 1},
		"another user's process has most":           {[]*conn{of(1, 1), of(1, 1), of(1, 1), of(2, 2), of(2, 3), of(2, 3), of(2, 4)}, 4},
		"a process of one user and many of another": {[]*conn{of(1, 1), of(2, 2), of(2, 3), of(2, 4), of(1, 1)}, 1},
	} {
		if got, _ := crowded(tc.list); got != tc.list[tc.want] {
			t.Errorf("%s: of user %d and process %d, want number %d of the list", name, got.peer.UID, got.peer.PID, tc.want)
		}
	}
}

// TestAVisitEnds holds that a visitor's time is bounded, and that an ordinary client's is
// not.
func TestAVisitEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		after int64
		want  state
	}{{int64(policy.VisitTime) - 1, ready}, {int64(policy.VisitTime), closing}} {
		c, _ := newTestConn(t, ready)
		c.s.takeVisitorPlace(c)
		began := c.visitEnds - int64(policy.VisitTime)
		if c.s.endVisits(began + tc.after); c.state != tc.want {
			t.Errorf("after %d ns: state %d, want %d", tc.after, c.state, tc.want)
		}
	}
	c, _ := newTestConn(t, ready)
	if c.s.endVisits(frame.Now() + 10*int64(policy.VisitTime)); c.state != ready {
		t.Error("a client that is no visitor is ended")
	}
}
