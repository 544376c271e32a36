package queue_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/queue"
)

// Whatever is pushed, written and reported: no more messages wait than the capacity, no
// more are in flight than the window, and the counters add up.
func TestAWindowBoundsWhatWaitsInAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 9).Draw(t, "capacity")
		policy := rapid.SampledFrom([]router.Overflow{router.DropOldest, router.DropNewest, router.Conflate}).Draw(t, "policy")
		window := frame.CreditWindow(capacity)
		f := rawFeed(nil, policy, capacity, 4, false)
		f.q.AwaitReports(window)
		var pushed, dequeued, written, lost uint64
		var sizes []uint64 // of each message that was dequeued
		report := frame.Credit{Lane: router.Bulk}
		// end ends the writes that are under way, of messages that the client may have
		// reported already.
		end := func(done func(ln router.Lane, n int, size uint64)) {
			size := uint64(0)
			for _, n := range sizes[written:] {
				size += n
			}
			done(router.Bulk, int(dequeued-written), size)
			written = dequeued
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				n := rapid.IntRange(1, 5).Draw(t, "messages")
				f.push(router.Bulk, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "topic"), numbers(0, n)...)
				pushed += uint64(n)
			},
			"write": func(t *rapid.T) {
				b, ok := f.q.DequeueLane(router.Bulk, rapid.IntRange(1, 8).Draw(t, "most"))
				if !ok {
					return
				}
				for i := range b.Items {
					sizes = append(sizes, uint64(b.Items[i].Len))
				}
				dequeued += uint64(len(b.Items))
				queue.ReleaseItems(b.Items)
			},
			"the write is done": func(*rapid.T) { end(f.q.Delivered) },
			"report": func(t *rapid.T) {
				for report.Consumed+report.Lost < dequeued && rapid.Bool().Draw(t, "another") {
					size := sizes[report.Consumed+report.Lost]
					if rapid.Bool().Draw(t, "taken") {
						report.Consumed, report.ConsumedBytes = report.Consumed+1, report.ConsumedBytes+size
					} else {
						report.Lost, report.LostBytes = report.Lost+1, report.LostBytes+size
					}
				}
				if err := f.q.Report(report); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				c := f.q.Count()
				if waits := c.Queued + c.Taken; waits > max(capacity, window+1) {
					t.Fatalf("%d messages wait, with a capacity of %d", waits, capacity)
				}
				if n := f.q.InFlight(router.Bulk); n > window || n != int(dequeued-report.Consumed-report.Lost) {
					t.Fatalf("%d in flight, with a window of %d and %d sent and not reported", n, window, dequeued-report.Consumed-report.Lost)
				}
				if c.Matched != pushed || c.Matched != c.Delivered+c.Dropped+uint64(c.Queued+c.Taken) {
					t.Fatalf("%+v does not add up", c)
				}
				if c.Delivered != report.Consumed || c.ByReason[frame.ReasonClient] != report.Lost {
					t.Fatalf("delivered %d, lost by the client %d, want %d and %d", c.Delivered, c.ByReason[frame.ReasonClient], report.Consumed, report.Lost)
				}
			},
		})
		if rapid.Bool().Draw(t, "the connection is lost in the write") {
			lost = max(written, report.Consumed+report.Lost)
			lost = dequeued - lost
			end(f.q.Lost)
		}
		end(f.q.Delivered)
		f.q.EndReports(rapid.Bool().Draw(t, "the client ended it"))
		f.q.Discard()
		if c := f.q.Count(); c.Matched != c.Delivered+c.Dropped {
			t.Fatalf("at the end %+v does not add up", c)
		}
		if c := f.q.Count(); c.ByReason[frame.ReasonConnection] < lost {
			t.Fatalf("%d were lost with the connection, want at least %d", c.ByReason[frame.ReasonConnection], lost)
		}
		if f.pool.Live() != 0 {
			t.Fatalf("%d bytes are not back in the pool", f.pool.Live())
		}
	})
}

func TestReportsThatCannotBeTrueChangeNothing(t *testing.T) {
	f := newFeed(t, router.DropOldest, 8, 4, false)
	f.q.AwaitReports(4)
	f.push(router.Bulk, "a", "0", "1", "2")
	b, _ := f.q.DequeueLane(router.Bulk, 8)
	size := uint64(0)
	for i := range b.Items {
		size += uint64(b.Items[i].Len)
	}
	f.q.Delivered(router.Bulk, len(b.Items), size)
	queue.ReleaseItems(b.Items)
	if err := f.q.Report(frame.Credit{Consumed: 1, ConsumedBytes: size / 3}); err != nil {
		t.Fatal(err)
	}
	before := f.q.Count()
	for name, c := range map[string]frame.Credit{
		"more than was sent":  {Consumed: 4, ConsumedBytes: size},
		"a sum that wraps":    {Consumed: 2, ConsumedBytes: size, Lost: math.MaxUint64 - 1},
		"bytes that wrap":     {Consumed: 2, ConsumedBytes: size, LostBytes: math.MaxUint64},
		"all ones":            {Consumed: math.MaxUint64, ConsumedBytes: math.MaxUint64, Lost: math.MaxUint64, LostBytes: math.MaxUint64},
		"of the other lane":   {Consumed: 1, ConsumedBytes: 1, Lane: router.Urgent},
		"more bytes than all": {Consumed: 3, ConsumedBytes: size + 1},
	} {
		if err := f.q.Report(c); !errors.Is(err, frame.ErrBody) {
			t.Errorf("%s: %v, want ErrBody", name, err)
		}
	}
	if err := f.q.Report(frame.Credit{}); err != nil { // late, because the last one was higher
		t.Error(err)
	}
	if diff := cmp.Diff(before, f.q.Count()); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
	f.q.EndReports(true)
}
