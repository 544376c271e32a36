package network

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
)

// stuck is a collector that a test makes wait while more happens than the kernel keeps for
// it, and what it has emitted of connections to a port of its own.
type stuck struct {
	t   *testing.T
	c   *Collector
	ctx context.Context
	l   net.Listener

	mu             sync.Mutex
	opened, closed map[side]int         // guarded by mu
	flags          map[side]event.Flags // guarded by mu
	gaps           []string             // their reasons; guarded by mu
	lost           uint64               // guarded by mu
}

// side is one end of a connection.
type side struct {
	port      uint16
	direction event.Direction
}

// newStuck runs a collector until the test ends. It returns when its snapshot is complete.
func newStuck(t *testing.T, o Options) *stuck {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &stuck{t: t, c: c, l: l, opened: map[side]int{}, closed: map[side]int{}, flags: map[side]event.Flags{}}
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx = ctx
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, s.take) }() // awaited below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.stick(func() {})
	return s
}

func (s *stuck) take(m collector.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := event.Parse(m.Payload)
	if err != nil {
		s.t.Error(err)
		return
	}
	if g, ok := event.Copy[event.Loss](v); ok {
		s.gaps = append(s.gaps, g.Body.Reason)
		s.lost += g.Body.Lost
	}
	port := uint16(s.l.Addr().(*net.TCPAddr).Port)
	if e, ok := event.Copy[event.Connection](v); ok && e.Body.Destination.Port == port && e.Body.Direction != 0 {
		x := side{e.Body.Source.Port, e.Body.Direction}
		if e.Operation == event.OpClose {
			s.closed[x]++
		} else {
			s.opened[x]++
			s.flags[x] = e.Flags
		}
	}
}

// stick has the collector wait as long as do runs.
func (s *stuck) stick(do func()) {
	s.t.Helper()
	waits, over, through := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { // awaited below
		through <- s.c.door.Through(s.ctx, func(*tracker) error { close(waits); <-over; return nil })
	}()
	select {
	case <-waits:
	case err := <-through:
		s.t.Fatal(err)
	}
	func() {
		defer close(over)
		do()
	}()
	if err := <-through; err != nil {
		s.t.Fatal(err)
	}
}

func (s *stuck) pair() (client, server net.Conn) {
	s.t.Helper()
	client, err := net.Dial("tcp", s.l.Addr().String())
	if err == nil {
		server, err = s.l.Accept()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return client, server
}

func sideOf(client net.Conn) side {
	return side{uint16(client.LocalAddr().(*net.TCPAddr).Port), event.Egress}
}

// until waits for what must come; only a test that fails takes long.
func (s *stuck) until(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ok := done()
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s did not come", what)
		}
	}
}

// overwhelm has the collector stuck while n connections come and go, one that it knows ends,
// and one begins that goes on. All of it is made up for once it goes on: each connection is
// opened and closed once at most.
func (s *stuck) overwhelm(n int, gap string) (there side) {
	s.t.Helper()
	goes, goesToo := s.pair()
	gone := sideOf(goes)
	s.until("a connection", func() bool { return s.opened[gone] == 1 })
	var stays net.Conn
	s.stick(func() {
		for range n {
			client, server := s.pair()
			client.Close()
			server.Close()
		}
		goes.Close()
		goesToo.Close()
		var server net.Conn
		stays, server = s.pair()
		s.t.Cleanup(func() { stays.Close(); server.Close() })
	})
	there = sideOf(stays)
	s.until("a gap", func() bool {
		return slices.ContainsFunc(s.gaps, func(reason string) bool { return strings.HasPrefix(reason, gap) })
	})
	s.until("what goes on", func() bool { return s.opened[there] == 1 })
	s.until("what has ended", func() bool { return s.closed[gone] == 1 })
	s.mu.Lock()
	defer s.mu.Unlock()
	for x, n := range s.opened {
		if n != 1 || s.closed[x] > 1 || s.closed[there] != 0 {
			s.t.Errorf("%+v was opened %d times, closed %d times", x, n, s.closed[x])
		}
	}
	return there
}

func TestAFullRingIsAGapAndMadeUpFor(t *testing.T) {
	s := newStuck(t, Options{Mode: ModeEBPF, Interval: MaxInterval, programs: programOptions{ring: 1 << 12}})
	there := s.overwhelm(50, recordUnit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == 0 || !s.flags[there].Has(event.Inferred) {
		t.Errorf("%d records are lost, and what goes on has flags %b", s.lost, s.flags[there])
	}
}

// TestEndsThatOverrunTheBufferAreAGapAndMadeUpFor, of which the kernel does not show how many
// there were.
func TestEndsThatOverrunTheBufferAreAGapAndMadeUpFor(t *testing.T) {
	s := newStuck(t, Options{Mode: ModeDiag, Interval: 200 * time.Millisecond, ReceiveBuffer: 1, DNS: DNSOff})
	if strings.Contains(s.c.Describe(), "missed") {
		t.Skip(s.c.Describe())
	}
	s.overwhelm(2*batches, "ends of sockets: the receive buffer overran")
}

// TestPacketsOfDNSThatFindTheirRingFullAreAGap with their number.
func TestPacketsOfDNSThatFindTheirRingFullAreAGap(t *testing.T) {
	s := newStuck(t, Options{Interval: MaxInterval})
	if !strings.Contains(s.c.Describe(), "; DNS over UDP") {
		t.Skip(s.c.Describe())
	}
	server, err := net.ListenPacket("udp", "127.0.0.76:53")
	if err != nil {
		t.Skip(err)
	}
	defer server.Close()
	c, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("full.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	s.stick(func() {
		for range dnsRing / len(query) {
			if _, err := c.Write(query); err != nil {
				t.Fatal(err)
			}
		}
	})
	s.until("a gap", func() bool { return slices.Contains(s.gaps, "packets of DNS: the ring was full") && s.lost > 0 })
}
