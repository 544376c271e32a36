package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/event"
)

func TestWhereProgramsCannotRunTheNextSourceIsUsed(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	refused, err := os.ReadFile("../ebpf/testdata/refused.o")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		programs programOptions
		want     string // in what the collector reports of itself
	}{
		{"no BTF", programOptions{btf: "/nowhere/vmlinux"}, "not ebpf: the kernel does not describe its types (BTF): /nowhere/vmlinux"},
		{"the verifier refuses", programOptions{object: refused}, "not ebpf: the kernel's verifier refuses a program: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(Options{programs: tt.programs})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Describe(); !strings.Contains(got, "netlink") || !strings.Contains(got, tt.want) {
				t.Errorf("it is described as %q, want netlink and %q", got, tt.want)
			}
			r := run(t, Options{programs: tt.programs})
			cmd := command(t, "/bin/sleep", "1000")
			checkSleep(t, r.awaitOf(cmd.Process.Pid, event.OpStart))
			if _, err := New(Options{Mode: ModeEBPF, programs: tt.programs}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("with mode ebpf: error %v, want one about what is not available", err)
			}
		})
	}
}

// TestAFullRingIsAGapAndMadeUpFor has the collector stuck while more happens than the ring
// holds. One of the programs goes on: it is found behind the gap.
func TestAFullRingIsAGapAndMadeUpFor(t *testing.T) {
	r := run(t, Options{Mode: ModeEBPF, programs: programOptions{ring: 1 << 14}})
	r.stick()
	for i := range 200 {
		if err := exec.Command("/bin/true", fmt.Sprint(i)).Run(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, "/bin/sleep", "1000")
	r.loosen()
	var gap event.Gap
	select {
	case gap = <-r.gaps:
	case <-time.After(patience):
		t.Fatal("there is no gap")
	}
	if gap.Body.Lost == 0 || gap.Body.Total < gap.Body.Lost || gap.Body.Reason != "records of the kernel's programs: the ring was full" {
		t.Errorf("the gap is %+v", gap.Body)
	}
	start := r.awaitOf(cmd.Process.Pid, event.OpStart)
	if !start.Flags.Has(event.Inferred) || start.Sequence <= gap.Sequence {
		t.Errorf("flags %b of the start, want inferred behind the gap", start.Flags)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if exit := r.awaitOf(cmd.Process.Pid, event.OpExit); exit.Flags.Has(event.ExitStatusUnknown) {
		t.Error("the exit has no status")
	}
}

// TestProgramsAreLoadedOnce: the first Run has those of New, and what may never run keeps
// none.
func TestProgramsAreLoadedOnce(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeEBPF})
	c, err := New(Options{Mode: ModeEBPF})
	if err != nil {
		t.Fatal(err)
	}
	kept := c.opened.feed
	if kept == nil {
		t.Fatal("New has let go of its programs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // the second one loads its own
		if err := c.Run(ctx, func(collector.Message) {}); err != nil {
			t.Fatal(err)
		}
		if c.opened.feed != nil {
			t.Fatal("Run has left the programs to others")
		}
	}
	if _, err := kept.(*programs).loaded.Times(); err == nil {
		t.Error("the programs of New were not closed when Run ended")
	}
	for name, settings := range map[string]string{"the same mode": `{"source":"ebpf"}`, "another mode": `{"source":"auto"}`} {
		n, err := c.Remake([]byte(settings))
		if err != nil {
			t.Fatal(err)
		}
		if n.(*Collector).opened.feed != nil {
			t.Errorf("%s: a collector that may never run keeps programs in the kernel", name)
		}
	}
}
