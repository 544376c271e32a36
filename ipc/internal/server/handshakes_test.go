package server

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// knocks makes n connections that listen to path accepts, of processes that pid names, and
// returns the clients' ends.
func knocks(t *testing.T, s *Server, n int, pid func(i int) int) []*os.File {
	t.Helper()
	var ends []*os.File
	for i := range n {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		end := os.NewFile(uintptr(fd), "client")
		t.Cleanup(func() { end.Close() })
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.l.Path()}); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
		before := s.count
		s.accept(s.l.FD())
		if s.count > before {
			hs := s.places.handshakes
			hs[len(hs)-1].peer.PID = pid(i)
		}
	}
	return ends
}

func sayHello(t *testing.T, end *os.File) {
	t.Helper()
	body, err := frame.AppendHello(nil, &frame.Hello{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := frame.Append(nil, &frame.Fields{Type: frame.TypeHello, Content: frame.ContentJSON, Payload: body})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := end.Write(b); err != nil {
		t.Fatal(err)
	}
}

// TestAHelloThatHasComeDoesNotGiveWay fills the handshakes with one whose hello lies in its
// socket, and others of the same process: the next connection makes it a client, and ends
// no other.
func TestAHelloThatHasComeDoesNotGiveWay(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	of := func(int) int { return os.Getpid() }
	ends := knocks(t, s, maxHandshakes, of)
	honest := s.places.handshakes[0]
	sayHello(t, ends[0])
	knocks(t, s, 1, of)
	if honest.state != ready || honest.place != ordinaryPlace {
		t.Errorf("the client that has sent its hello is in state %d: %v", honest.state, honest.why)
	}
	if n, ended := len(s.places.handshakes), len(s.closing); n != maxHandshakes || ended != 0 {
		t.Errorf("%d handshakes, and %d have ended", n, ended)
	}
	second := s.places.handshakes[0]
	knocks(t, s, 1, of)
	if n := len(s.places.handshakes); n != maxHandshakes || second.state != closing {
		t.Errorf("%d handshakes, and the oldest is in state %d", n, second.state)
	}
}

// TestAHandshakeHasAMinimum has as many processes in their handshake as may be, with one
// connection each. None of them gives way before its time. Until then no more than the next
// one is accepted, and the loop sleeps.
func TestAHandshakeHasAMinimum(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	knocks(t, s, maxHandshakes, func(i int) int { return 1 + i })
	now := frame.Now()
	for i, c := range s.places.handshakes {
		c.acceptedAt = now + int64(patience) + int64(i) // they are young, however slow this test is
	}
	oldest := s.places.handshakes[0]
	knocks(t, s, 1, func(int) int { return 1 + maxHandshakes })
	knocks(t, s, 1, nil)
	if s.count != maxHandshakes+1 || oldest.state != accepted || s.acceptHeld != oldest.acceptedAt+int64(handshakeMinimum) {
		t.Fatalf("%d connections, the oldest is in state %d, and accepting is held until %d", s.count, oldest.state, s.acceptHeld)
	}
	if n, errno := unixsock.RawEpollWait(s.poll.epfd, s.poll.events[:]); n != 0 || errno != 0 {
		t.Errorf("%d events while accepting is held, %v", n, errno)
	}
	oldest.acceptedAt, s.acceptHeld = now-int64(handshakeMinimum), now-1
	if wait := s.releaseAccept(); wait != 0 || s.acceptHeld != 0 {
		t.Errorf("accepting is held for %s more", wait)
	}
	s.accept(s.l.FD())
	if n := len(s.places.handshakes); n != maxHandshakes+1 || oldest.state != closing {
		t.Errorf("%d handshakes, the oldest is in state %d", n, oldest.state)
	}
}

// TestHoldingAcceptEndsWithAHandshake holds that the next connection need not wait for a
// time when another handshake has ended.
func TestHoldingAcceptEndsWithAHandshake(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	ends := knocks(t, s, maxHandshakes, func(i int) int { return 1 + i })
	far := frame.Now() + int64(patience)
	s.holdAccept(far)
	if wait := s.releaseAccept(); wait <= 0 || s.acceptHeld != far {
		t.Fatalf("accepting is held for %s", wait)
	}
	sayHello(t, ends[7])
	s.places.handshakes[7].read()
	if wait := s.releaseAccept(); wait != 0 || s.acceptHeld != 0 {
		t.Errorf("a handshake has ended, and accepting is held for %s", wait)
	}
}
