package network

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

func TestWhereTheProgramCannotRunTheNextSourceIsUsed(t *testing.T) {
	if _, err := New(Options{Mode: ModeEBPF}); err != nil {
		t.Skip(err)
	}
	refusing, err := os.ReadFile("../ebpf/testdata/refused.o")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		programs programOptions
		want     string // in what the collector says of itself
	}{
		"no BTF":               {programOptions{btf: "/nowhere/vmlinux"}, "not ebpf: the kernel does not describe its types (BTF): /nowhere/vmlinux"},
		"the verifier refuses": {programOptions{object: refusing}, "not ebpf: the kernel's verifier refuses a program: "},
	} {
		c, err := New(Options{programs: tt.programs})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.Describe(); !strings.HasPrefix(got, "sock_diag") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: it is described as %q, want sock_diag and %q", name, got, tt.want)
		}
		if _, err := New(Options{Mode: ModeEBPF, programs: tt.programs}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: with mode ebpf: error %v, want one about what is not available", name, err)
		}
	}
}

// TestAnotherSourceNeedsAFreshStart, and another mode with the same source does not.
func TestAnotherSourceNeedsAFreshStart(t *testing.T) {
	for _, tt := range []struct {
		from     Mode
		settings string
		want     string
		fresh    bool
	}{
		{ModeDiag, `{"source":"ebpf"}`, "states of sockets (eBPF program)", true},
		{ModeEBPF, `{"source":"sock_diag"}`, "sock_diag every 1s", true},
		{ModeAuto, `{"source":"ebpf","interval":2000000000}`, "states of sockets (eBPF program), ports of UDP by sock_diag every 2s", false},
	} {
		before, err := New(Options{Mode: tt.from})
		if errors.Is(err, ErrUnavailable) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		next, err := before.Remake([]byte(tt.settings))
		if err != nil {
			if tt.from == ModeDiag {
				t.Skip(err)
			}
			t.Fatal(err)
		}
		if got := next.Describe(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: it is described as %q, want %q", tt.settings, got, tt.want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- before.Run(ctx, func(collector.Message) {}) }() // awaited below
		if err := before.Adjust(ctx, next); errors.Is(err, collector.ErrFresh) != tt.fresh || err != nil && !tt.fresh {
			t.Errorf("%s: error %v, want a fresh start %v", tt.settings, err, tt.fresh)
		}
		if !tt.fresh && before.Describe() != next.Describe() {
			t.Errorf("%s: it is described as %q", tt.settings, before.Describe())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestAFullRingIsAGapAndMadeUpFor: the collector is stuck while more happens than the ring
// holds. What goes on is announced, and what has ended is closed as often as it was opened.
func TestAFullRingIsAGapAndMadeUpFor(t *testing.T) {
	c, err := New(Options{Mode: ModeEBPF, Interval: MaxInterval, programs: programOptions{ring: 1 << 12}})
	if err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	var mu sync.Mutex
	var lost uint64
	type side struct {
		port      uint16
		direction event.Direction
	}
	opened, closed, flags := map[side]int{}, map[side]int{}, map[side]event.Flags{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // awaited below
		ended <- c.Run(ctx, func(m collector.Message) {
			mu.Lock()
			defer mu.Unlock()
			v, err := event.Parse(m.Payload)
			if err != nil {
				t.Error(err)
				return
			}
			if g, ok := event.Copy[event.Loss](v); ok && strings.HasPrefix(g.Body.Reason, recordUnit) {
				lost += g.Body.Lost
			}
			if e, ok := event.Copy[event.Connection](v); ok && e.Body.Destination.Port == port && e.Body.Direction != 0 {
				s := side{e.Body.Source.Port, e.Body.Direction}
				if e.Operation == event.OpClose {
					closed[s]++
				} else {
					opened[s]++
					flags[s] = e.Flags
				}
			}
		})
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	pair := func() (client, server net.Conn) {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		return client, server
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			ok := done()
			mu.Unlock()
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s did not come", what)
			}
		}
	}
	var goes, stays net.Conn // one is known and ends unseen, one begins unseen and goes on
	// It is stuck from its snapshot on as long as this goes on.
	if err := c.door.Through(ctx, func(*tracker) error { return nil }); err != nil {
		t.Fatal(err)
	}
	goes, goesToo := pair()
	gone := side{uint16(goes.LocalAddr().(*net.TCPAddr).Port), event.Egress}
	until("a connection", func() bool { return opened[gone] == 1 })
	err = c.door.Through(ctx, func(*tracker) error {
		for range 50 {
			client, server := pair()
			client.Close()
			server.Close()
		}
		goes.Close()
		goesToo.Close()
		var server net.Conn
		stays, server = pair()
		t.Cleanup(func() { stays.Close(); server.Close() })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	there := side{uint16(stays.LocalAddr().(*net.TCPAddr).Port), event.Egress}
	until("a gap", func() bool { return lost > 0 })
	until("what goes on", func() bool { return opened[there] == 1 })
	until("what has ended", func() bool { return closed[gone] == 1 })
	mu.Lock()
	defer mu.Unlock()
	if !flags[there].Has(event.Inferred) || closed[there] != 0 {
		t.Errorf("what goes on has flags %b, and was closed %d times", flags[there], closed[there])
	}
	for s, n := range opened {
		if n != 1 || closed[s] > 1 {
			t.Errorf("%+v was opened %d times, closed %d times", s, n, closed[s])
		}
	}
}

func TestRecordsThatMakeNoSense(t *testing.T) {
	good := make([]byte, recordBytes)
	good[0], good[2] = recordConnect, unix.AF_INET
	if _, ok := parseRecord(good, clock.Ahead{}); !ok {
		t.Fatal("a good one is refused")
	}
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"cut short":      good[:recordBytes-1],
		"too long":       append(change(0, recordEnd), 0),
		"no kind":        change(0, 0),
		"unknown kind":   change(0, 9),
		"unknown family": change(2, unix.AF_UNIX),
	} {
		if _, ok := parseRecord(b, clock.Ahead{}); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

// describing has this test binary print what a collector says of itself, as TestMain does it.
const describing = "NETWORK_TEST_DESCRIBE"

func TestCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	if _, err := New(Options{Mode: ModeEBPF}); err != nil {
		t.Skip(err)
	}
	for name, tt := range map[string]struct {
		caps []uintptr
		want string
	}{
		"none":            {nil, "; not ebpf: no CAP_BPF and CAP_PERFMON"},
		"BPF alone":       {[]uintptr{unix.CAP_BPF}, "; not ebpf: no CAP_PERFMON"},
		"PERFMON alone":   {[]uintptr{unix.CAP_PERFMON}, "; not ebpf: no CAP_BPF"},
		"no DNS":          {nil, "; no DNS: no CAP_BPF and CAP_PERFMON"},
		"BPF and PERFMON": {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "states of sockets (eBPF program)"},
		"and no more":     {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON}, "; no DNS: no CAP_NET_ADMIN"},
		"and NET_ADMIN":   {[]uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN}, "; DNS over UDP"},
	} {
		// By its descriptor another user can run it, whoever may look into the folder.
		self, err := os.Open("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/fd/3")
		cmd.Env = append(os.Environ(), describing+"=1")
		cmd.ExtraFiles = []*os.File{self}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: tt.caps}
		out, err := cmd.CombinedOutput()
		self.Close()
		if err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %q, error %v, want %q", name, out, err, tt.want)
		}
	}
}

// TestTheProgramIsLoadedOnce: the first Run has that of New, and what may never run keeps none.
func TestTheProgramIsLoadedOnce(t *testing.T) {
	c, err := New(Options{Mode: ModeEBPF})
	if err != nil {
		t.Skip(err)
	}
	kept := c.opened
	if kept == nil {
		t.Fatal("New has let go of its program")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // the second one loads its own
		if err := c.Run(ctx, func(collector.Message) {}); err != nil {
			t.Fatal(err)
		}
		if c.opened != nil {
			t.Fatal("Run has left the program to others")
		}
	}
	if _, err := kept.source.(*programs).loaded.Times(); err == nil {
		t.Error("the program of New was not closed when Run ended")
	}
	for _, settings := range []string{`{"source":"ebpf"}`, `{"source":"auto"}`} {
		n, err := c.Remake([]byte(settings))
		if err != nil {
			t.Fatal(err)
		}
		if n.(*Collector).opened != nil {
			t.Errorf("%s: a collector that may never run keeps a program in the kernel", settings)
		}
	}
}
