package ipc_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestLimitsChangeWhileAServerRuns: raised, lowered and refused ones. Clients that are
// connected stay, with the limits that their welcome named.
func TestLimitsChangeWhileAServerRuns(t *testing.T) {
	t.Parallel()
	live := new(ipc.LiveLimits)
	s := start(t, router.Options{MaxSubscriptions: 1, MaxQueued: 10}, ipc.Options{MaxConnections: 1, Heartbeat: time.Hour, Live: live})
	subscriptions := func(c *ipc.Client) (n int) {
		t.Helper()
		for {
			_, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{fmt.Sprintf("events.n%d", n)}})
			if errors.Is(err, frame.ErrLimit) {
				return n
			} else if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	full := func() bool {
		c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: s.path})
		if err == nil {
			c.Close()
			return false
		}
		if !errors.Is(err, frame.ErrLimit) {
			t.Fatal(err)
		}
		return true
	}
	first := s.dial(t, ipc.ClientOptions{})
	if !full() {
		t.Error("there is a place for a second client")
	}
	if err := live.Set(ipc.Limits{MaxConnections: 2, Heartbeat: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if err := s.broker.SetLimits(router.Limits{MaxSubscriptions: 3, MaxQueued: 20}); err != nil {
		t.Fatal(err)
	}
	var second *ipc.Client
	eventually(t, "a second client connects", func() (ok bool) {
		c, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: s.path})
		second = c
		return err == nil
	})
	defer second.Close()
	w := second.Welcome()
	if w.MaxConnections != 2 || w.HeartbeatMs != 60_000 || w.MaxSubscriptions != 3 || w.MaxQueued != 20 || w.MaxRequests != 256 {
		t.Errorf("its welcome is %+v", w)
	}
	if n, m := subscriptions(first), subscriptions(second); n != 1 || m != 3 {
		t.Errorf("the first has %d subscriptions, the second %d, want 1 and 3", n, m)
	}
	for name, err := range map[string]error{
		"connections": live.Set(ipc.Limits{MaxConnections: -1}), "rate": live.Set(ipc.Limits{MaxConnections: 9, PublishRate: -1}),
		"queue": s.broker.SetLimits(router.Limits{MaxSubscriptions: 9, MaxQueued: -1}), "policy": s.broker.SetLimits(router.Limits{Overflows: []router.Overflow{"x"}}),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if o := s.broker.Options(); o.MaxSubscriptions != 3 || o.MaxQueued != 20 {
		t.Errorf("after refused limits the options are %+v", o)
	}
	if err := live.Set(ipc.Limits{MaxConnections: 1}); err != nil {
		t.Fatal(err)
	}
	if err := first.Flush(t.Context()); err != nil {
		t.Errorf("the first client: %v", err)
	}
	if err := second.Flush(t.Context()); err != nil {
		t.Errorf("the second client, one too many now: %v", err)
	}
	if !full() {
		t.Error("there is a place for a third client")
	}
}
