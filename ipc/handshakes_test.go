package ipc_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// handshakes is how many connections may be in their handshake.
const handshakes = 64

// TestSlowHandshakesLeaveRoom has many peers connect and send no hello, or half of one. The
// oldest of them give way. A client gets in at its first attempt all the same, whether or
// not it comes before them, and the places of clients are as they are without them.
func TestSlowHandshakesLeaveRoom(t *testing.T) {
	for _, n := range []int{64, 200, 2000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				t.Fatal(err)
			}
			if uint64(2*n) > limit.Cur {
				t.Skipf("RLIMIT_NOFILE is %d", limit.Cur)
			}
			s := start(t, router.Options{}, ipc.Options{MaxConnections: 4, Policy: places{}})
			silent := make([]*peer, n)
			for i := range silent {
				p := s.knock(t)
				if i%2 == 1 {
					p.send(hello(frame.Hello{Version: 1})[:45])
				}
				silent[i] = p
				if i%(n/4) == n/4-1 {
					s.dial(t, ipc.ClientOptions{})
				}
			}
			for _, p := range silent[:n-handshakes] {
				p.expectEnd(frame.CodeHandshake)
			}
			s.refused(t, frame.CodeHandshake, uint64(n-handshakes))
			if _, err := ipc.Dial(t.Context(), s.path); !errors.Is(err, frame.ErrLimit) {
				t.Errorf("four ordinary clients are connected, and a fifth gets %v", err)
			}
			for _, role := range []string{"part", "operator"} {
				s.dial(t, ipc.ClientOptions{Name: role, Role: role})
			}
			if st := s.stats(t); len(st.Clients) != 4+2 {
				t.Errorf("%d clients are connected, want 6", len(st.Clients))
			}
		})
	}
}

// TestAHelloBeforeAFloodIsRead has a client send its hello, and many others connect before
// the server looks: none of them takes its place.
func TestAHelloBeforeAFloodIsRead(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	let := s.hold(t)
	honest := s.knock(t)
	honest.send(hello(frame.Hello{Version: 1}))
	for range handshakes + 20 { // together they fit into the listener's backlog
		s.knock(t)
	}
	let()
	honest.expect(frame.TypeWelcome)
}

// TestSilentPeersLeaveDescriptors has peers without a hello take all descriptors of a
// server. A client gets in at its first attempt.
func TestSilentPeersLeaveDescriptors(t *testing.T) {
	t.Parallel()
	s := &server{path: spawn(t, "serveWithoutDescriptors").line()}
	for range 100 { // the child has twenty
		s.knock(t)
	}
	c := s.dial(t, ipc.ClientOptions{})
	reply, err := c.Request(t.Context(), router.StatsTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	if st := decodeStats(t, reply.Payload); st.Refused[frame.CodeHandshake.String()] == 0 {
		t.Errorf("the descriptors were not short: refused were %v", st.Refused)
	}
}
