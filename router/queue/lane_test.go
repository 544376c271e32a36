package queue_test

import (
	"testing"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/google/go-cmp/cmp"
)

func TestUrgentMessagesGoFirst(t *testing.T) {
	f := newFeed(t, router.DropOldest, 4, 4, false)
	f.push(router.Bulk, "a", "0", "1")
	f.push(router.Urgent, "b", "x")
	f.push(router.Bulk, "a", "2")
	f.push(router.Urgent, "b", "y")
	if diff := cmp.Diff([]string{"!0 x", "!1 y", "0 0", "1 1", "2 2"}, takeAll(f.q)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestALaneLosesNothingToTheOther(t *testing.T) {
	f := newFeed(t, router.DropOldest, 2, 2, false)
	f.push(router.Urgent, "b", "x", "y")
	f.push(router.Bulk, "a", numbers(0, 9)...)
	want := []string{"!0 x", "!1 y", "gap 0-6: 7 of 294 bytes, queue full, oldest dropped", "7 7", "8 8"}
	if diff := cmp.Diff(want, takeAll(f.q)); diff != "" {
		t.Errorf("a flood of bulk (-want +got)\n%s", diff)
	}
	f.push(router.Bulk, "a", "9")
	f.push(router.Urgent, "b", "x", "y", "z")
	want = []string{"!gap 2-2: 1 of 42 bytes, queue full, oldest dropped", "!3 y", "!4 z", "9 9"}
	if diff := cmp.Diff(want, takeAll(f.q)); diff != "" {
		t.Errorf("a flood of urgent messages (-want +got)\n%s", diff)
	}
	settled(t, f.q)
}

// Abandon counts as lost what the consumer has dequeued of both lanes and not shown.
func TestAbandonGivesUpWhatWasDequeuedOfBothLanes(t *testing.T) {
	f := newFeed(t, router.DropOldest, 100, 4, true)
	f.push(router.Bulk, "a", numbers(0, 10)...)
	c := endpoint.NewConsumer(f.q, 1<<10)
	n := 0
	c.Step(t.Context(), func(m *router.Message) bool {
		if n++; n == 1 {
			f.push(router.Urgent, "b", "x", "y")
		}
		return n < 2
	})
	c.Abandon()
	settled(t, f.q)
	if got := f.q.Count(); got.Delivered != 2 || got.Dropped != 10 {
		t.Errorf("%d delivered and %d dropped, want 2 and 10", got.Delivered, got.Dropped)
	}
}

// An urgent message overtakes the rest of a bulk batch that was dequeued before it came.
func TestAnUrgentMessageOvertakesABatchThatWasTaken(t *testing.T) {
	f := newFeed(t, router.DropOldest, 100, 4, true)
	f.push(router.Bulk, "a", numbers(0, 40)...)
	c := endpoint.NewConsumer(f.q, 1<<10)
	var lines []string
	c.Step(t.Context(), func(m *router.Message) bool {
		if lines = append(lines, line(m)); len(lines) == 3 {
			f.push(router.Urgent, "b", "x")
		}
		return len(lines) < 6
	})
	if diff := cmp.Diff([]string{"0 0", "1 1", "2 2", "!0 x", "3 3", "4 4"}, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c.Step(t.Context(), func(m *router.Message) bool { lines = append(lines, line(m)); return true })
	if n := len(lines); n != 41 || lines[40] != "39 39" {
		t.Errorf("%d are shown, the last is %q", n, lines[n-1])
	}
	settled(t, f.q)
}
