package network_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/event"
)

// awaitAll returns the events of an operation that match, when there are so many of them;
// only a test that fails takes long.
func (r *running) awaitAll(n int, op event.Operation, match func(event.Network) bool) []event.Network {
	r.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found := r.find(op, match)
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d of %d events of %v came", len(found), n, op)
		}
	}
}

// TestEachConnectionIsOpenedAndClosedOnce by its process, however short it is, and with
// the time that it took.
func TestEachConnectionIsOpenedAndClosedOnce(t *testing.T) {
	r := start(t, network.ModeEBPF, network.MaxInterval)
	l := listen(t, "tcp", ourPort)
	const n = 1000
	want := make(map[uint16]bool)
	for range n {
		client, server := pair(t, l)
		client.Close()
		server.Close()
		want[uint16(client.LocalAddr().(*net.TCPAddr).Port)] = true
	}
	mine := func(d event.Direction) func(event.Network) bool {
		return func(e event.Network) bool { return to(e, l.Addr()) && e.Body.Direction == d }
	}
	for _, end := range []struct {
		op event.Operation
		d  event.Direction
	}{{event.OpConnect, event.Egress}, {event.OpAccept, event.Ingress}, {event.OpClose, event.Egress}, {event.OpClose, event.Ingress}} {
		seen := make(map[uint16]int)
		for _, e := range r.awaitAll(n, end.op, mine(end.d)) {
			seen[e.Body.Source.Port]++
			r.ours(e)
			if _, timed := e.Body.DurationNs.Get(); timed != (end.op == event.OpClose) || e.Flags.Has(event.TimeApproximate) {
				t.Fatalf("%v: duration %d, flags %b", end.op, e.Body.DurationNs, e.Flags)
			}
		}
		for p := range want {
			if seen[p] != 1 {
				t.Errorf("%v: port %d is there %d times", end.op, p, seen[p])
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%v: %d connections, want %d", end.op, len(seen), len(want))
		}
	}
}

// TestAConnectionThatIsRefused was never there.
func TestAConnectionThatIsRefused(t *testing.T) {
	r := start(t, network.ModeEBPF, network.MaxInterval)
	l := listen(t, "tcp", ourPort)
	refused := l.Addr()
	l.Close()
	if c, err := net.Dial("tcp", refused.String()); err == nil {
		c.Close()
		t.Skip("somebody else listens there")
	}
	open := listen(t, "tcp", ourPort)
	client, _ := pair(t, open) // its records come after those of the other one
	r.await(event.OpConnect, between(client, event.Egress))
	if got := r.find(event.OpConnect, func(e event.Network) bool { return to(e, refused) }); got != nil {
		t.Errorf("it is there: %+v", got[0].Body)
	}
}

// TestAPortThatTheKernelChooses has no number yet when it is recorded.
func TestAPortThatTheKernelChooses(t *testing.T) {
	r := start(t, network.ModeEBPF, network.MaxInterval)
	l := listenUnbound(t)
	r.ours(r.await(event.OpListen, func(e event.Network) bool { return e.Body.Destination.Port == uint16(l) }))
}

// TestProgramsThatConnectAndEnd: what the process collector has announced shows who they
// were.
func TestProgramsThatConnectAndEnd(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	if bash, err = filepath.EvalSymlinks(bash); err != nil {
		t.Fatal(err)
	}
	c, err := network.New(network.Options{Mode: network.ModeEBPF, Interval: network.MaxInterval})
	if err != nil {
		t.Skip(err)
	}
	p, err := process.New(process.Options{Mode: process.ModeEBPF})
	if err != nil {
		t.Skip(err)
	}
	r := run(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	started := make(chan struct{})
	first := sync.OnceFunc(func() { close(started) })
	go func() { // awaited below
		ended <- p.Run(ctx, func(m collector.Message) {
			c.Take(m.Payload)
			first()
		})
	}()
	defer func() { cancel(); <-ended }()
	<-started
	l := listen(t, "tcp", ourPort)
	var accepting sync.WaitGroup
	accepting.Go(func() { // ends with l
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	})
	defer func() { l.Close(); accepting.Wait() }()
	const n = 300
	host, port, _ := net.SplitHostPort(l.Addr().String())
	for i := range n {
		if err := exec.Command(bash, "-c", "exec 3<>/dev/tcp/"+host+"/"+port, fmt.Sprint("n", i)).Run(); err != nil {
			t.Skip(err) // a bash without /dev/tcp
		}
	}
	known := 0
	for _, e := range r.awaitAll(n, event.OpConnect, func(e event.Network) bool { return to(e, l.Addr()) }) {
		if e.Flags.Has(event.ExecutableUnread) || e.Flags.Has(event.CommandLineUnread) {
			continue
		}
		if e.Executable != bash || !strings.HasPrefix(e.CommandLine, bash+"\x00-c\x00exec 3") {
			t.Fatalf("by %s, %q", e.Executable, e.CommandLine)
		}
		known++
	}
	// Whoever ran when they came, the other side is the one that listens.
	for _, e := range r.awaitAll(n, event.OpAccept, func(e event.Network) bool { return to(e, l.Addr()) }) {
		r.ours(e)
	}
	t.Logf("%d of %d are known", known, n)
	if known < n*99/100 {
		t.Errorf("%d of %d are known", known, n)
	}
}
