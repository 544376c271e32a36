package network_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/event"
)

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) {
	if os.Getenv(watching) != "" {
		os.Exit(watchConnections())
	}
	if spec := os.Getenv("NETWORK_TEST_CONNECT"); spec != "" {
		os.Exit(network.Connect(spec))
	}
	if address := os.Getenv("NETWORK_TEST_VISIT"); address != "" {
		os.Exit(network.Visit(address))
	}
	goleak.VerifyTestMain(m)
}

// running is a collector against the real kernel, and what it has emitted.
type running struct {
	t        *testing.T
	describe string
	mu       sync.Mutex
	events   []event.Network
}

// onEachSource runs a test with each source that there is here.
func onEachSource(t *testing.T, test func(t *testing.T, mode network.Mode)) {
	for _, mode := range []network.Mode{network.ModeEBPF, network.ModeDiag} {
		t.Run(string(mode), func(t *testing.T) { test(t, mode) })
	}
}

// start runs a collector until the test ends. It returns when its snapshot is complete.
func start(t *testing.T, mode network.Mode, interval time.Duration) *running {
	t.Helper()
	c, err := network.New(network.Options{Mode: mode, Interval: interval})
	if err != nil {
		t.Skip(err)
	}
	return run(t, c)
}

// run runs a collector until the test ends. It returns when its snapshot is complete.
func run(t *testing.T, c *network.Collector) *running {
	t.Helper()
	probe := listen(t, "tcp", "127.0.0.1:0")
	r := &running{t: t, describe: c.Describe()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, r.take) }() // awaited below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r.await(event.OpSnapshot, func(e event.Network) bool { return to(e, probe.Addr()) })
	return r
}

func (r *running) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		r.t.Errorf("%s: %v", m.Topic, err)
		return
	}
	e, ok := event.Copy[event.Connection](v)
	if !ok {
		return // others may make the kernel drop something
	}
	topic := network.TopicConnections
	if e.Operation == event.OpQuery {
		topic = network.TopicDNS
	}
	if m.Topic != topic || m.EventType != "network" || m.PID != e.PID {
		r.t.Errorf("topic %s, type %s, pid %d: %+v", m.Topic, m.EventType, m.PID, e.Header)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// find returns the events of an operation that match.
func (r *running) find(op event.Operation, match func(event.Network) bool) (found []event.Network) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Operation == op && match(e) {
			found = append(found, e)
		}
	}
	return found
}

// await returns the first event of an operation that matches; only a test that fails takes
// long.
func (r *running) await(op event.Operation, match func(event.Network) bool) event.Network {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if found := r.find(op, match); len(found) > 0 {
			return found[0]
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no %v came", op)
		}
	}
}

func at(e event.Endpoint, a net.Addr) bool {
	want, err := netip.ParseAddrPort(a.String())
	return err == nil && e.Address == want.Addr().Unmap().String() && e.Port == want.Port()
}

func to(e event.Network, a net.Addr) bool { return at(e.Body.Destination, a) }

// between matches a connection in a direction.
func between(c net.Conn, d event.Direction) func(event.Network) bool {
	return func(e event.Network) bool {
		return at(e.Body.Source, c.LocalAddr()) && at(e.Body.Destination, c.RemoteAddr()) && e.Body.Direction == d
	}
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// pair opens a connection to l.
func pair(t *testing.T, l net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// TestTheStoryOfAConnection: a port is opened, a connection comes and goes, the port is
// closed. Both ends are here, so that each has its own events.
func TestTheStoryOfAConnection(t *testing.T) {
	onEachSource(t, func(t *testing.T, mode network.Mode) {
		for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
			t.Run(address, func(t *testing.T) {
				r := start(t, mode, network.MinInterval)
				l := listen(t, "tcp", address)
				isPort := func(e event.Network) bool { return to(e, l.Addr()) && e.Body.Direction == 0 }
				r.ours(r.await(event.OpListen, isPort))
				client, server := pair(t, l)
				egress, ingress := between(client, event.Egress), between(client, event.Ingress)
				r.ours(r.await(event.OpConnect, egress))
				r.ours(r.await(event.OpAccept, ingress))

				const sent, answered = 5000, 70
				exchange(t, client, server, sent)
				exchange(t, server, client, answered)
				client.Close()
				server.Close()
				for op, match := range map[string]func(event.Network) bool{"client": egress, "server": ingress} {
					e := r.await(event.OpClose, match)
					r.ours(e)
					if _, ok := e.Body.DurationNs.Get(); !ok || e.Body.Transport != "tcp" {
						t.Errorf("%s: %+v", op, e.Body)
					}
					up, ok := e.Body.Source.Bytes.Get()
					down, known := e.Body.Destination.Bytes.Get()
					if strings.Contains(r.describe, "missed") {
						continue
					}
					// The end of the other side may count as one.
					if !ok || !known || up < sent || up > sent+1 || down < answered || down > answered+1 {
						t.Errorf("%s: %d bytes up and %d down, known %v %v", op, up, down, ok, known)
					}
				}
				l.Close()
				r.ours(r.await(event.OpClose, isPort))
			})
		}
	})
}

// ours holds that an event is by this process.
func (r *running) ours(e event.Network) {
	r.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	if e.PID != uint32(os.Getpid()) || e.Executable != exe || e.PPID != uint32(os.Getppid()) {
		r.t.Errorf("%v %+v is by %d, %s; we are %d", e.Operation, e.Body, e.PID, e.Executable, os.Getpid())
	}
}

func exchange(t *testing.T, from io.Writer, to io.Reader, n int) {
	t.Helper()
	if _, err := from.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// TestWhatWasThereIsASnapshot, and has no duration at its end, because nobody saw it begin.
func TestWhatWasThereIsASnapshot(t *testing.T) {
	onEachSource(t, func(t *testing.T, mode network.Mode) {
		l := listen(t, "tcp", "127.0.0.1:0")
		client, server := pair(t, l)
		r := start(t, mode, network.MinInterval)
		r.ours(r.await(event.OpSnapshot, between(client, event.Egress)))
		r.ours(r.await(event.OpSnapshot, between(client, event.Ingress)))
		client.Close()
		server.Close()
		if e := r.await(event.OpClose, between(client, event.Egress)); e.Body.DurationNs != 0 {
			t.Errorf("it lasted %d", e.Body.DurationNs)
		}
	})
}

// TestShortConnectionsAreEachOpenedAndClosedOnce, although nobody looks while they are there,
// and no look has found the port that they come to.
func TestShortConnectionsAreEachOpenedAndClosedOnce(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			r := start(t, network.ModeDiag, network.MaxInterval)
			if strings.Contains(r.describe, "missed") {
				t.Skip(r.describe)
			}
			l := listen(t, "tcp", address)
			const n = 100
			var clients []net.Conn
			for range n {
				client, server := pair(t, l)
				client.Close()
				server.Close()
				clients = append(clients, client)
			}
			for _, c := range clients {
				for op, d := range map[event.Operation]event.Direction{event.OpConnect: event.Egress, event.OpAccept: event.Ingress} {
					ended := r.await(event.OpClose, between(c, d))
					if opened, closed := len(r.find(op, between(c, d))), len(r.find(event.OpClose, between(c, d))); opened != 1 || closed != 1 {
						t.Fatalf("%s: %v %d times, closed %d times", c.LocalAddr(), op, opened, closed)
					}
					if d == event.Ingress { // whoever waits for connections has it
						r.ours(ended)
					} else if uid, ok := ended.UID.Get(); ok || !ended.Flags.Has(event.UserUnread|event.ExecutableUnread) {
						t.Errorf("user %d known %v, flags %v", uid, ok, slices.Collect(ended.Flags.Names()))
					}
				}
			}
		})
	}
}

// TestAShortConnectionToAKnownPortIsByItsProcess: whoever waits for connections has it.
func TestAShortConnectionToAKnownPortIsByItsProcess(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	r := start(t, network.ModeDiag, network.MaxInterval)
	if strings.Contains(r.describe, "missed") {
		t.Skip(r.describe)
	}
	client, server := pair(t, l)
	client.Close()
	server.Close()
	r.ours(r.await(event.OpAccept, between(client, event.Ingress)))
	r.ours(r.await(event.OpClose, between(client, event.Ingress)))
	if e := r.await(event.OpConnect, between(client, event.Egress)); e.PID != 0 || e.Executable != "" {
		t.Errorf("the other end is by %d, %q", e.PID, e.Executable)
	}
}

// TestAUDPPortIsListenedOn from the second look on.
func TestAUDPPortIsListenedOn(t *testing.T) {
	onEachSource(t, func(t *testing.T, mode network.Mode) {
		r := start(t, mode, network.MinInterval)
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Skip(err)
		}
		isPort := func(e event.Network) bool { return to(e, c.LocalAddr()) && e.Body.Transport == "udp" }
		r.ours(r.await(event.OpListen, isPort))
		c.Close()
		r.ours(r.await(event.OpClose, isPort))
	})
}

func TestOptionsOutOfBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		in   network.Options
		want string
	}{
		"an interval that is too short": {network.Options{Interval: 1}, "interval 1ns"},
		"an interval that is too long":  {network.Options{Interval: time.Hour}, "interval 1h"},
		"unknown wishes for DNS":        {network.Options{DNS: "on"}, "dns \"on\""},
		"an unknown source":             {network.Options{Mode: "audit"}, "mode \"audit\""},
		"a negative buffer":             {network.Options{ReceiveBuffer: -1}, "receive buffer"},
		"no procfs there":               {network.Options{Host: host.Host{Root: "/nowhere"}}, "procfs at /nowhere"},
	} {
		if _, err := network.New(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one about %s", name, err, tt.want)
		}
	}
}

func Example() {
	c, err := network.New(network.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ collector.Collector = c // run it with c.Run(ctx, emit)
	fmt.Println(c.Name())
	// Output: network
}
