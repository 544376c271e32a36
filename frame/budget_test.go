package frame_test

import (
	"math"
	"sync"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

func TestBudgetTakesWhatFitsAndNoMore(t *testing.T) {
	b := frame.NewBudget(100)
	first, ok := b.Charge(60)
	if !ok || b.Used() != 60 || first.Bytes() != 60 {
		t.Fatalf("60 of 100: %t, %d used", ok, b.Used())
	}
	for _, n := range []int64{41, 100, math.MaxInt64} {
		if c, ok := b.Charge(n); ok || c.Bytes() != 0 {
			t.Errorf("%d of the 40 that are left: accepted", n)
		}
	}
	second, ok := b.Charge(40)
	if !ok || b.Used() != b.Max() {
		t.Errorf("the last 40: %t, %d used", ok, b.Used())
	}
	nothing, ok := b.Charge(0)
	if !ok {
		t.Error("0 bytes of a full budget: refused")
	}
	for range 2 { // the second round must change nothing
		first.Refund()
		second.Refund()
		nothing.Refund()
	}
	if b.Used() != 0 {
		t.Errorf("%d bytes used when all are back, want 0", b.Used())
	}
	mustPanic(t, "negative budget", func() { frame.NewBudget(-1) })
	mustPanic(t, "negative charge", func() { b.Charge(-1) })
}

func TestBufferIsChargedBeforeItIsTaken(t *testing.T) {
	p, budget := frame.NewPool(), frame.NewBudget(100<<10)
	b := p.GetWithin(budget, 60<<10) // of the class of 64 KiB
	if b == nil || budget.Used() != 64<<10 || p.Live() != 64<<10 {
		t.Fatalf("%v, %d bytes charged, %d live, want 64 KiB of each", b, budget.Used(), p.Live())
	}
	allocated := p.Allocated()
	if over := p.GetWithin(budget, 60<<10); over != nil || budget.Used() != 64<<10 || p.Allocated() != allocated {
		t.Errorf("beyond the budget: %v, %d bytes charged, %d allocations, want nil and no change", over, budget.Used(), p.Allocated())
	}
	b.Retain(1)
	b.Release(1)
	if budget.Used() == 0 {
		t.Error("refunded while there is a reference")
	}
	b.Release(1)
	if budget.Used() != 0 || p.Live() != 0 {
		t.Errorf("%d bytes charged and %d live after the last release, want 0", budget.Used(), p.Live())
	}
	if b = p.Get(1); budget.Used() != 0 {
		t.Error("a buffer without a budget is charged to the one that the memory had before")
	}
	b.Release(1)
	if budget.Used() != 0 {
		t.Errorf("%d bytes after a release without a charge", budget.Used())
	}
}

// TestBudgetIsNeverExceeded has many goroutines ask for more than there is. The
// sum of what they hold is the sum that the budget says, at most its maximum.
func TestBudgetIsNeverExceeded(t *testing.T) {
	const workers, rounds, size = 8, 2000, 4 << 10
	p, budget := frame.NewPool(), frame.NewBudget(3*size)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for range rounds {
				b := p.GetWithin(budget, size)
				if used := budget.Used(); used < 0 || used > budget.Max() {
					t.Errorf("%d bytes used of %d", used, budget.Max())
					return
				}
				if b != nil {
					b.Release(1)
				}
			}
		})
	}
	working.Wait()
	if budget.Used() != 0 || p.Live() != 0 {
		t.Errorf("%d bytes charged and %d live at the end, want 0", budget.Used(), p.Live())
	}
}
