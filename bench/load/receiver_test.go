package load_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemoneye/eventbus/bench/load"
)

type acks struct {
	upTo []uint64
	err  error
}

func (a *acks) Ack(_ uint32, upTo uint64) error {
	a.upTo = append(a.upTo, upTo)
	return a.err
}

func message(publisher uint32, sequence uint64, last bool) []byte {
	b := make([]byte, 32)
	load.Stamp{Sequence: sequence, Time: load.Now(), Publisher: publisher, Last: last}.Put(b)
	return b
}

func TestReceiverCountsWhatIsMissingRepeatedAndForeign(t *testing.T) {
	for _, c := range []struct {
		name string
		feed func(*load.Receiver)
		want load.Received
		done bool
	}{
		{"nothing", func(*load.Receiver) {}, load.Received{}, false},
		{"two publishers, complete", func(r *load.Receiver) {
			r.Receive(message(0, 0, false))
			r.Receive(message(1, 0, true))
			r.Receive(message(0, 1, true))
		}, load.Received{Messages: 3, Bytes: 96, Ended: 2}, true},
		{"one publisher has not ended", func(r *load.Receiver) {
			r.Receive(message(0, 0, true))
			r.Receive(message(0, 1, true))
		}, load.Received{Messages: 2, Bytes: 64, Ended: 1}, false},
		{"a hole at the start and one in the middle", func(r *load.Receiver) {
			r.Receive(message(0, 2, false))
			r.Receive(message(0, 3, false))
			r.Receive(message(0, 9, false))
		}, load.Received{Messages: 3, Bytes: 96, Missing: 7}, false},
		{"twice, and out of order", func(r *load.Receiver) {
			r.Receive(message(1, 0, false))
			r.Receive(message(1, 0, false))
			r.Receive(message(1, 2, false))
			r.Receive(message(1, 1, false))
		}, load.Received{Messages: 4, Bytes: 128, Missing: 1, Repeated: 2}, false},
		{"too short, and a publisher that does not exist", func(r *load.Receiver) {
			r.Receive([]byte("short"))
			r.Receive(message(2, 0, true))
			r.Receive(message(1<<31, 0, true))
		}, load.Received{Foreign: 3}, false},
		{"announced losses", func(r *load.Receiver) {
			r.Lost(3)
			r.Lost(4)
		}, load.Received{Announced: 7}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := load.NewReceiver(load.ReceiverOptions{Publishers: 2})
			c.feed(r)
			got, err := r.Result()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(load.Received{}, "Latency", "Rate")); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
			select {
			case <-r.Done():
				if !c.done {
					t.Error("done, but not all have ended")
				}
			default:
				if c.done {
					t.Error("not done")
				}
			}
		})
	}
}

func TestReceiverAcknowledgesPositionsNotCounts(t *testing.T) {
	a := &acks{}
	r := load.NewReceiver(load.ReceiverOptions{Every: 4, Acker: a})
	// 4 to 9 are lost: an acknowledgement of how many have come would shrink the
	// window for good.
	for _, sequence := range []uint64{0, 1, 2, 3, 10, 11, 12, 13, 14} {
		r.Receive(message(0, sequence, sequence == 14))
	}
	if diff := cmp.Diff([]uint64{4, 11, 15}, a.upTo); diff != "" {
		t.Errorf("acknowledged (-want +got):\n%s", diff)
	}
}

func TestReceiverReportsTheFirstErrorOfItsAcker(t *testing.T) {
	a := &acks{err: errors.New("gone")}
	r := load.NewReceiver(load.ReceiverOptions{Every: 1, Acker: a})
	r.Receive(message(0, 0, false))
	if _, err := r.Result(); !errors.Is(err, a.err) {
		t.Errorf("got %v", err)
	}
}

func TestReceiverMeasuresOnlyTheMeasuredPart(t *testing.T) {
	r := load.NewReceiver(load.ReceiverOptions{Latency: true})
	now := load.Now()
	r.Measure(load.Span{Begin: now - 100, From: now - 50, To: now + int64(time.Hour)})
	for i, at := range []int64{now - 100, now - 51, now - 50, now} {
		b := make([]byte, load.StampSize)
		load.Stamp{Sequence: uint64(i), Time: at}.Put(b)
		r.Receive(b)
	}
	got, err := r.Result()
	if err != nil || got.Latency.Count() != 2 {
		t.Errorf("%d latencies, %v; want 2", got.Latency.Count(), err)
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	r := load.NewReceiver(load.ReceiverOptions{Latency: true})
	b := message(0, 0, false)
	if n := testing.AllocsPerRun(1000, func() { r.Receive(b) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}
