package thread_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router/thread"
)

// turns gives a Pace turns at these times, with n messages of 168 bytes each. It returns how
// long it would rest after each.
func turns(budget time.Duration, n uint64, at ...time.Duration) (rests []time.Duration) {
	return sizedTurns(budget, n, 168, at...)
}

func sizedTurns(budget time.Duration, n, size uint64, at ...time.Duration) (rests []time.Duration) {
	p := thread.NewPace(budget)
	for _, now := range at {
		rests = append(rests, p.Turn(int64(now), n, n*size))
	}
	return rests
}

// every returns n times that are d apart.
func every(d time.Duration, n int) (at []time.Duration) {
	for i := range n {
		at = append(at, time.Hour+time.Duration(i)*d)
	}
	return at
}

func TestTheLatencyBudgetIsSpentOnDenseTraffic(t *testing.T) {
	const budget = 500 * time.Microsecond
	rested := func(rests []time.Duration) (n int) {
		for _, r := range rests {
			if r != 0 && r != budget {
				t.Errorf("a rest of %v", r)
			}
			if r != 0 {
				n++
			}
		}
		return n
	}
	if n := rested(turns(0, 1, every(time.Microsecond, 100)...)); n != 0 {
		t.Errorf("without a budget there are %d rests", n)
	}
	if n := rested(turns(budget, 1, every(time.Millisecond, 100)...)); n != 0 {
		t.Errorf("sparse traffic is held back %d times", n)
	}
	if n := rested(turns(budget, 1000, every(time.Microsecond, 100)...)); n != 0 {
		t.Errorf("turns that are large batches rest %d times", n)
	}
	if n := rested(sizedTurns(budget, 1, 16<<10, every(time.Microsecond, 100)...)); n != 0 {
		t.Errorf("turns of one large message rest %d times", n)
	}
	// Dense traffic rests after nearly every turn, except for a probe now and then.
	if n := rested(turns(budget, 1, every(100*time.Microsecond, 1000)...)); n < 800 || n == 1000 {
		t.Errorf("dense traffic rests %d times in 1000 turns", n)
	}
}

// TestWhatIsLeftOfALargeBatchDoesNotWait gives turns of a stream in large batches: after each
// come two small ones, with the rest of a window and what the subscribers answer.
func TestWhatIsLeftOfALargeBatchDoesNotWait(t *testing.T) {
	const budget = 500 * time.Microsecond
	p := thread.NewPace(budget)
	for i, now := range every(40*time.Microsecond, 300) {
		n := uint64(96)
		if i%3 > 0 {
			n = uint64(i % 3)
		}
		if rest := p.Turn(int64(now), n, n*2048); rest != 0 {
			t.Fatalf("turn %d rests for %v", i, rest)
		}
	}
}

// TestWhatARestHasMergedIsNoLargeBatch gives turns of many publishers that write each message
// at once: one after a rest is large, and the thread goes on resting.
func TestWhatARestHasMergedIsNoLargeBatch(t *testing.T) {
	const budget = 500 * time.Microsecond
	p := thread.NewPace(budget)
	turns, rests := 0, 0
	n := uint64(1)
	for now := time.Hour; now < time.Hour+time.Second; turns++ {
		rest := p.Turn(int64(now), n, n*168)
		if rest > 0 {
			rests++
			now, n = now+rest, 100
		} else {
			now, n = now+5*time.Microsecond, 1
		}
	}
	if rests < turns/4 {
		t.Errorf("%d rests in %d turns", rests, turns)
	}
}

func TestAnIdleTurnEndsTheRests(t *testing.T) {
	p := thread.NewPace(time.Millisecond)
	for _, now := range every(10*time.Microsecond, 10) {
		p.Turn(int64(now), 1, 168)
	}
	p.Idle()
	var got []time.Duration
	for _, now := range every(5*time.Millisecond, 3) {
		got = append(got, p.Turn(int64(now+time.Hour), 1, 168))
	}
	if diff := cmp.Diff([]time.Duration{0, 0, 0}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
