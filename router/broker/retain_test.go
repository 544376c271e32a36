package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
)

func TestALateSubscriberGetsTheLastValues(t *testing.T) {
	b := serve(t, router.Options{Urgent: []string{"alarm"}})
	c := client(t, b, "c")
	retain(t, c, "state.a", "a1")
	retain(t, c, "state.b", "b1")
	retain(t, c, "state.a", "a2")
	retain(t, c, "other", "o1")
	retain(t, c, "alarm", "!")
	publish(t, c, "state.c", "not retained")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"state.#", "alarm"}, Retained: true})
	publish(t, c, "state.a", "a3")
	flush(t, c)
	want := []string{"!0 !", "0 b1", "1 a2", "2 a3"} // in the order in which they were published
	if diff := cmp.Diff(want, read(t, s, 4)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	unasked := subscribe(t, c, router.Subscription{Patterns: []string{"state.#"}})
	publish(t, c, "state.a", "a4")
	if diff := cmp.Diff([]string{"0 a4"}, read(t, unasked, 1)); diff != "" {
		t.Errorf("who did not ask (-want +got)\n%s", diff)
	}
	stats(t, b)
}

func TestAnEmptyPayloadForgetsTheTopic(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	retain(t, c, "a", "1")
	retain(t, c, "b", "2")
	retain(t, c, "a", "")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true})
	publish(t, c, "c", "3")
	if diff := cmp.Diff([]string{"0 2", "1 3"}, read(t, s, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := stats(t, b).Retained; n != 1 {
		t.Errorf("%d values are retained, want 1", n)
	}
}

func TestRetainedValuesPassTheFilterToo(t *testing.T) {
	b := serve(t, router.Options{})
	c, gone := client(t, b, "c"), client(t, b, "gone")
	retain(t, c, "a", "of c")
	retain(t, gone, "b", "of one that has gone")
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true, Capabilities: router.Capabilities{Collectors: []string{"c", "gone"}}})
	publish(t, c, "c", "live")
	if diff := cmp.Diff([]string{"0 of c", "1 live"}, read(t, s, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheOldestOfTooManyValuesIsRemoved(t *testing.T) {
	b := serve(t, router.Options{MaxRetained: 3})
	c := client(t, b, "c")
	for _, topic := range []string{"a", "b", "c", "a", "d"} { // a was published again, so b is the oldest
		retain(t, c, topic, topic)
	}
	s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true})
	got := read(t, s, 3)
	if diff := cmp.Diff([]string{"0 c", "1 a", "2 d"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := stats(t, b); s.Retained != 3 || s.RetainedDropped != 1 {
		t.Errorf("%d are retained, %d dropped", s.Retained, s.RetainedDropped)
	}
}

func TestRetainedValuesAreBoundInBytes(t *testing.T) {
	b := serve(t, router.Options{MaxRetainedBytes: 64 << 10})
	c := client(t, b, "c")
	big := strings.Repeat("x", 14<<10) // takes a buffer of 16 KiB
	for _, topic := range []string{"a", "b", "c", "d", "e", "f"} {
		retain(t, c, topic, big)
	}
	retain(t, c, "a", strings.Repeat("x", 100<<10)) // would take them all
	flush(t, c)
	s := stats(t, b)
	if s.Retained != 4 || s.RetainedDropped != 3 {
		t.Errorf("%d are retained, %d dropped; want 4, and the first two and the large one", s.Retained, s.RetainedDropped)
	}
	if s.BufferBytes > 64<<10+2*256<<10 {
		t.Errorf("%d bytes of buffers", s.BufferBytes)
	}
}

// Retained values fit into a queue with fewer slots, and into one that conflates.
func TestRetainedValuesHaveRoomBesideTheQueue(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	topics := []string{"a", "b", "c", "d", "e"}
	for _, topic := range topics {
		retain(t, c, topic, topic)
	}
	for _, o := range []router.Overflow{router.DropOldest, router.DropNewest, router.Conflate, router.Disconnect} {
		s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true, Queue: 2, Overflow: o})
		got := read(t, s, 5)
		for i := range got {
			got[i] = strings.Fields(got[i])[1]
		}
		if !slices.Equal(got, topics) {
			t.Errorf("%s: %q, want %q", o, got, topics)
		}
		s.Close()
	}
	if n := stats(t, b).Dropped; n != 0 {
		t.Errorf("%d were dropped", n)
	}
}

// A client that retains ever more values loses its own, and not those of others.
func TestTheClientWithMostValuesLosesFirst(t *testing.T) {
	b := serve(t, router.Options{MaxRetained: 5})
	c, flood := client(t, b, "c"), client(t, b, "flood")
	retain(t, c, "mine.a", "a")
	retain(t, c, "mine.b", "b")
	flush(t, c)
	for i := range 20 {
		retain(t, flood, fmt.Sprint("flood.", i), "x")
	}
	flush(t, flood)
	s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true})
	if diff := cmp.Diff([]string{"0 a", "1 b", "2 x", "3 x", "4 x"}, read(t, s, 5)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
