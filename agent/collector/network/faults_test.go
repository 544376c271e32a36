package network

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
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
		want     string // in what the collector reports of itself
	}{
		"no BTF":               {programOptions{btf: "/nowhere/vmlinux"}, "not ebpf: the kernel does not describe its types (BTF): /nowhere/vmlinux"},
		"the verifier refuses": {programOptions{object: refusing}, "not ebpf: the kernel's verifier refuses a program: "},
	} {
		c, err := New(Options{programs: tt.programs})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := c.Describe()
		if !strings.HasPrefix(got, "sock_diag") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: it is described as %q, want sock_diag and %q", name, got, tt.want)
		}
		if tt.programs.btf != "" && !strings.Contains(got, strings.Replace(tt.want, "not ebpf", "no DNS", 1)) {
			t.Errorf("%s: it is described as %q, want no DNS either", name, got)
		}
		if _, err := New(Options{Mode: ModeEBPF, programs: tt.programs}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: with mode ebpf: error %v, want one about what is not available", name, err)
		}
	}
}

// TestWhereQueriesCannotBeSeenEverythingElseIs, and the reason is shown.
func TestWhereQueriesCannotBeSeenEverythingElseIs(t *testing.T) {
	refusing, err := os.ReadFile("../ebpf/testdata/refused.o")
	if err != nil {
		t.Fatal(err)
	}
	seen, err := New(Options{Mode: ModeEBPF})
	if err != nil {
		t.Skip(err)
	}
	seen.opened.close()
	if strings.Contains(seen.Describe(), "no DNS") {
		t.Skip(seen.Describe())
	}
	c, err := New(Options{Mode: ModeEBPF, programs: programOptions{dns: refusing}})
	if err != nil {
		t.Fatal(err)
	}
	c.opened.close()
	if got := c.Describe(); !strings.HasPrefix(got, "states of sockets (eBPF program)") || !strings.Contains(got, "; no DNS: the kernel's verifier refuses a program: ") {
		t.Errorf("it is described as %q", got)
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
