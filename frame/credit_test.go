package frame_test

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

func TestCreditWindowIsHalfOfASmallQueue(t *testing.T) {
	for queue, want := range map[int]int{1: 1, 2: 1, 3: 1, 16: 8, 999: 499, 1000: 0, 100_000: 0} {
		if got := frame.CreditWindow(queue); got != want {
			t.Errorf("queue of %d: window %d, want %d", queue, got, want)
		}
	}
}

// TestCreditIsDueBeforeTheBrokerMustStop plays both sides: whatever the window, a
// client that reports when it is due never leaves the broker without room while the
// program takes what comes.
func TestCreditIsDueBeforeTheBrokerMustStop(t *testing.T) {
	for queue := 1; queue < 1000; queue++ {
		window := frame.CreditWindow(queue)
		var sent, settled, reported, reports uint64
		for range 4 * queue {
			if sent-reported >= uint64(window) {
				t.Fatalf("window %d: stopped after %d messages, of which the program took %d", window, sent, settled)
			}
			sent++
			settled++
			if frame.CreditDue(settled-reported, uint32(window)) {
				reported = settled
				reports++
			}
		}
		if most := sent / uint64((window+1)/2); reports != most {
			t.Errorf("window %d: %d reports for %d messages, want %d", window, reports, sent, most)
		}
	}
	if frame.CreditDue(1<<40, 0) {
		t.Error("due without a window")
	}
}

func TestAcksOfEarlierBrokersHaveOnlyASequence(t *testing.T) {
	want := frame.Ack{Sequence: 881, Queue: 16, Window: 8, Matched: 3}
	whole := frame.AppendAck(nil, want)
	for n := range len(whole) + 1 {
		got, err := frame.ParseAck(whole[:n])
		switch {
		case n < 8:
			if err == nil {
				t.Errorf("%d bytes: accepted", n)
			}
		case n < frame.AckSize:
			if got != (frame.Ack{Sequence: 881}) || err != nil {
				t.Errorf("%d bytes: %+v, %v", n, got, err)
			}
		case got != want || err != nil:
			t.Errorf("%d bytes: %+v, %v", n, got, err)
		}
	}
}
