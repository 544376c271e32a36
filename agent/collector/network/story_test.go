package network_test

import (
	"cmp"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// The story is the same for each source. What each shows of it is compared with what
// happened.
const (
	storyShort   = 200 // connections that are closed at once, to a port that was opened just before
	storyReset   = 20  // the same, but the side that opened one resets it
	storyLong    = 20  // connections that go on until they have been seen
	storyRefused = 20  // connections that nobody takes
	storyPorts   = 20  // ports that are open until they have been seen, each of TCP and of UDP
	storyMoments = 20  // ports of TCP that are closed at once
)

// ourPort is a port of an address that no other test and nobody else on this host uses, so
// that what happens there is of the story.
const ourPort = "127.20.4.1:0"

// storyRows are the table in the README: ebpf, and sock_diag with an interval that no short
// connection reaches. A connection has two ends here.
var storyRows = []storytest.Row{
	{What: "200 short connections, 2 ends each: begins", Want: []storytest.Bound{storytest.Just(2 * storyShort), storytest.Just(2 * storyShort)}},
	{What: "their ends, with bytes", Want: []storytest.Bound{storytest.Just(2 * storyShort), storytest.Just(2 * storyShort)}},
	{What: "their ends, with a duration", Want: []storytest.Bound{storytest.Just(2 * storyShort), storytest.Just(0)}},
	{What: "begins by the right process", Want: []storytest.Bound{storytest.Just(2 * storyShort), storytest.Just(storyShort).But("the accepting side")}},
	{What: "20 that their opener resets: ends", Want: []storytest.Bound{storytest.Just(2 * storyReset), storytest.Just(storyReset).But("the accepting side")}},
	{What: "20 long ones: begins and ends, process", Want: []storytest.Bound{storytest.Just(4 * storyLong), storytest.Just(4 * storyLong)}},
	{What: "20 refused ones", Want: []storytest.Bound{storytest.Just(0), storytest.Just(0)}},
	{What: "40 ports of TCP and UDP: begins and ends, process", Want: []storytest.Bound{storytest.Just(4 * storyPorts), storytest.Just(4 * storyPorts)}},
	{What: "20 ports for a moment: begins and ends", Want: []storytest.Bound{storytest.Just(2 * storyMoments), storytest.Just(0)}},
	{What: "what did not happen", Want: []storytest.Bound{storytest.Just(0), storytest.Just(0)}},
}

// TestEverySourceShowsTheSameStory, and the table of the README is what it shows.
func TestEverySourceShowsTheSameStory(t *testing.T) {
	for i, mode := range []network.Mode{network.ModeEBPF, network.ModeDiag} {
		t.Run(string(mode), func(t *testing.T) {
			c, err := network.New(network.Options{Mode: mode, Interval: network.MaxInterval})
			if err != nil {
				t.Skip(err)
			}
			r := run(t, c)
			if strings.Contains(r.describe, "missed") {
				t.Skip(r.describe)
			}
			storytest.Check(t, storyRows, i, perform(t, r, func() {
				if err := c.Look(t.Context()); err != nil {
					t.Error(err)
				}
			}))
		})
	}
	storytest.InReadme(t, "Network events", storyRows)
}

// perform has the story happen, and returns how often each row of it was shown. look has the
// collector list all sockets, which it does at its interval otherwise.
func perform(t *testing.T, r *running, look func()) []int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var short, long []net.Conn
	crowd := listen(t, "tcp", ourPort)
	for range storyShort {
		client, server := pair(t, crowd)
		exchange(t, client, server, 10)
		client.Close()
		server.Close()
		short = append(short, client)
	}
	var reset []net.Conn
	for range storyReset {
		client, server := pair(t, crowd)
		if err := client.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		client.Close()
		server.Close()
		reset = append(reset, client)
	}
	// What goes on does so until it has been seen.
	var open []io.Closer
	var addresses []net.Addr
	for range storyPorts {
		l := listen(t, "tcp", ourPort)
		u, err := net.ListenPacket("udp", ourPort)
		if err != nil {
			t.Skip(err)
		}
		open = append(open, l, u)
		addresses = append(addresses, l.Addr(), u.LocalAddr())
	}
	stays := listen(t, "tcp", ourPort)
	var servers []net.Conn
	for range storyLong {
		client, server := pair(t, stays)
		long, servers = append(long, client), append(servers, server)
	}
	// Ports that are open by now are not among these.
	var moments []net.Addr
	for range storyMoments {
		l := listen(t, "tcp", ourPort)
		l.Close()
		moments = append(moments, l.Addr())
	}
	var refused []net.Addr
	for _, a := range moments {
		c, err := net.Dial("tcp", a.String())
		if err == nil {
			c.Close()
			t.Skip("somebody else listens where we did")
		}
		refused = append(refused, a)
	}
	isPort := func(a net.Addr) func(event.Network) bool {
		return func(e event.Network) bool {
			return to(e, a) && e.Body.Direction == 0 && e.Body.Transport == a.Network()
		}
	}
	look()
	look() // a port of UDP is one that the second look finds
	for _, c := range long {
		r.await(event.OpConnect, between(c, event.Egress))
		r.await(event.OpAccept, between(c, event.Ingress))
	}
	for _, a := range addresses {
		r.await(event.OpListen, isPort(a))
	}
	for i, c := range long {
		c.Close()
		servers[i].Close()
	}
	for _, c := range open {
		c.Close()
	}
	for _, c := range append(slices.Clone(short), long...) {
		r.await(event.OpClose, between(c, event.Egress))
		r.await(event.OpClose, between(c, event.Ingress))
	}
	for _, c := range reset {
		r.await(event.OpClose, between(c, event.Ingress))
	}
	for _, a := range addresses {
		if a.Network() == "tcp" || strings.HasPrefix(r.describe, "sock_diag") {
			r.await(event.OpClose, isPort(a))
		}
	}
	look()
	look() // what is missing from two has ended
	for _, a := range addresses {
		r.await(event.OpClose, isPort(a))
	}

	const ( // the rows
		begins = iota
		ends
		timed
		byUs
		resets
		goOn
		refusals
		ports
		brief
		rest
		rows
	)
	got := make([]int, rows)
	us := func(e event.Network) bool { return int(e.PID) == os.Getpid() && e.Executable == self }
	count := func(row int, op event.Operation, match func(event.Network) bool, also func(event.Network) bool) {
		for _, e := range r.find(op, match) {
			if also == nil || also(e) {
				got[row]++
			}
		}
	}
	begin := map[event.Direction]event.Operation{event.Egress: event.OpConnect, event.Ingress: event.OpAccept}
	for d, op := range begin {
		for _, c := range short {
			count(begins, op, between(c, d), nil)
			count(ends, event.OpClose, between(c, d), func(e event.Network) bool {
				up, _ := e.Body.Source.Bytes.Get()
				return up == 10 || up == 11 // the end of the other side may count as one
			})
			count(timed, event.OpClose, between(c, d), func(e event.Network) bool { _, known := e.Body.DurationNs.Get(); return known })
			count(byUs, op, between(c, d), us)
		}
		for _, c := range reset {
			count(resets, event.OpClose, between(c, d), nil)
		}
		for _, c := range long {
			count(goOn, op, between(c, d), us)
			count(goOn, event.OpClose, between(c, d), us)
		}
	}
	for _, a := range refused {
		count(refusals, event.OpConnect, func(e event.Network) bool { return to(e, a) && e.Body.Direction != 0 }, nil)
	}
	for _, a := range addresses {
		count(ports, event.OpListen, isPort(a), us)
		count(ports, event.OpClose, isPort(a), us)
	}
	slices.SortFunc(moments, func(a, b net.Addr) int { return cmp.Compare(a.String(), b.String()) })
	moments = slices.CompactFunc(moments, func(a, b net.Addr) bool { return a.String() == b.String() }) // the kernel may give a port again
	for _, a := range moments {
		count(brief, event.OpListen, isPort(a), us)
		count(brief, event.OpClose, isPort(a), us)
	}
	// Whatever else is said of our ports did not happen.
	ours := func(e event.Network) bool {
		for _, a := range []net.Addr{crowd.Addr(), stays.Addr()} {
			if to(e, a) || at(e.Body.Source, a) {
				return true
			}
		}
		for _, a := range append(addresses, moments...) { // somebody else may have the port by now
			if isPort(a)(e) && us(e) {
				return true
			}
		}
		return false
	}
	all := 0
	for _, op := range []event.Operation{event.OpConnect, event.OpAccept, event.OpClose, event.OpListen} {
		all += len(r.find(op, ours))
	}
	listeners := len(r.find(event.OpListen, isPort(crowd.Addr()))) + len(r.find(event.OpListen, isPort(stays.Addr())))
	if listeners != 2 {
		t.Errorf("the ports of the connections were opened %d times", listeners)
	}
	got[rest] = all - listeners - 2*got[begins] - 2*got[resets] - 2*2*storyLong - 2*len(addresses) - got[brief]
	return got
}
