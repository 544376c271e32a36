package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsGivenBackOnceAfterAPeak(t *testing.T) {
	var held, allocated uint64 = 10 << 20, 0
	freed := 0
	r := &Returner{
		held: func() (uint64, uint64) { return held, allocated },
		free: func(context.Context) { freed++; held = 12 << 20 },
		base: held,
	}
	allocated = 50 << 20
	if r.look(t.Context()); freed != 0 {
		t.Error("memory was given back while the agent starts")
	}
	if r.look(t.Context()); freed != 1 {
		t.Error("memory was not given back when the start was over")
	}
	freed, held, r.base = 0, 10<<20, 10<<20
	for _, step := range []struct {
		name            string
		held, allocates uint64
		want            int
	}{
		{"nothing happens", 10 << 20, 0, 0},
		{"a little more is held", 15 << 20, 0, 0},
		{"a peak, while there is work", 100 << 20, 50 << 20, 0},
		{"idle after the peak", 100 << 20, 0, 1},
		{"still idle", 12 << 20, 0, 1},
		{"what cannot be given back is not tried again", 19 << 20, 0, 1},
		{"another peak", 60 << 20, 0, 2},
	} {
		held, allocated = step.held, allocated+step.allocates
		if r.look(t.Context()); freed != step.want {
			t.Errorf("%s: memory was given back %d times, want %d", step.name, freed, step.want)
		}
	}
}

// What the broker keeps for clients is not to be had until they have gone, and then it
// is, however long it was kept.
func TestWhatTheBrokerKeepsDoesNotCountAsHeld(t *testing.T) {
	kept := int64(0)
	r := NewReturner(func() int64 { return kept }, func(context.Context) {})
	freed := 0
	r.free = func(context.Context) { freed++ }
	r.started = true
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	kept = int64(len(ballast))
	r.look(t.Context()) // it was busy
	for range 3 {
		if r.look(t.Context()) {
			t.Fatal("memory was given back that the broker keeps")
		}
	}
	kept = 0
	if !r.look(t.Context()) || freed != 1 {
		t.Error("memory was not given back when the clients had gone")
	}
	runtime.KeepAlive(ballast)
}

func TestTheRuntimeIsLimitedByMaxMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	restore := Limit(100 << 20)
	if got := debug.SetMemoryLimit(-1); got != 132<<20 {
		t.Errorf("the limit is %d, want 132 MiB", got)
	}
	restore()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("afterwards it is %d, want %d", got, before)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	defer Limit(100 << 20)()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("with GOMEMLIMIT set it is %d, want %d as it was", got, before)
	}
}
