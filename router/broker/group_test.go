package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
)

func TestOverlappingPatternsDeliverOnce(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"events.#", "events.process.+", "events.process.start", "#"}})
	publish(t, c, "events.process.start", "a", "b")
	flush(t, c)
	if diff := cmp.Diff([]string{"0 a", "1 b"}, read(t, s, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := stats(t, b).Matched; n != 2 {
		t.Errorf("matched %d, want 2", n)
	}
}

func TestEachSubscriptionOfAClientGetsItsOwn(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	all := subscribe(t, c, router.Subscription{Patterns: []string{"#"}})
	some := subscribe(t, c, router.Subscription{Patterns: []string{"b"}})
	publish(t, c, "a", "1")
	publish(t, c, "b", "2")
	if diff := cmp.Diff([]string{"0 1", "1 2"}, read(t, all, 2)); diff != "" {
		t.Errorf("all (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"0 2"}, read(t, some, 1)); diff != "" {
		t.Errorf("some (-want +got)\n%s", diff)
	}
}

// matched returns how many messages each member got, by subscriber id.
func matched(t *testing.T, b *broker.Broker, names ...string) (n []uint64) {
	for _, name := range names {
		n = append(n, statsOf(t, b, name).Matched)
	}
	return n
}

func TestAQueueGroupSharesTheMessages(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	join := func(name, group string, queue int) router.Subscriber {
		return subscribe(t, c, router.Subscription{SubscriberID: name, Group: group, Patterns: []string{"task.#"}, Queue: queue})
	}
	x, y := join("x", "g", 10), join("y", "g", 10)
	join("other", "h", 0)
	join("alone", "", 0)
	publish(t, c, "task.a", numbers(0, 6)...)
	flush(t, c)
	if diff := cmp.Diff([]uint64{3, 3, 6, 6}, matched(t, b, "x", "y", "other", "alone")); diff != "" {
		t.Errorf("members of g, the one of h, and one without a group (-want +got)\n%s", diff)
	}
	got := append(read(t, x, 3), read(t, y, 3)...)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"0 0", "0 1", "1 2", "1 3", "2 4", "2 5"}, got); diff != "" {
		t.Errorf("x and y together (-want +got)\n%s", diff)
	}
}

func TestAGroupPrefersTheMemberWithRoom(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	busy := subscribe(t, c, router.Subscription{SubscriberID: "busy", Group: "g", Patterns: []string{"task", "own"}, Queue: 8})
	subscribe(t, c, router.Subscription{SubscriberID: "idle", Group: "g", Patterns: []string{"task"}, Queue: 8})
	publish(t, c, "own", numbers(0, 6)...)
	publish(t, c, "task", numbers(0, 6)...)
	flush(t, c)
	if diff := cmp.Diff([]uint64{6, 6}, matched(t, b, "busy", "idle")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	read(t, busy, 6)
	publish(t, c, "task", numbers(0, 6)...)
	flush(t, c)
	if diff := cmp.Diff([]uint64{12, 6}, matched(t, b, "busy", "idle")); diff != "" {
		t.Errorf("after busy was read (-want +got)\n%s", diff)
	}
}

func TestAMemberWhoseFilterRefusesIsPassedOver(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	subscribe(t, c, router.Subscription{SubscriberID: "urgent", Group: "g", Patterns: []string{"task"}, EventFilter: &router.EventFilter{MinPriority: 8}})
	subscribe(t, c, router.Subscription{SubscriberID: "usual", Group: "g", Patterns: []string{"task"}, Capabilities: router.Capabilities{MaxPriority: ptr(uint8(7))}})
	for i := range 10 {
		if err := c.Publish(within(t), router.Outgoing{Topic: "task", Priority: uint8(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	if diff := cmp.Diff([]uint64{3, 7}, matched(t, b, "urgent", "usual")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAGroupGoesOnWithoutAMember(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	var members []router.Subscriber
	for i := range 3 {
		members = append(members, subscribe(t, c, router.Subscription{SubscriberID: fmt.Sprint(i), Group: "g", Patterns: []string{"task"}}))
	}
	publish(t, c, "task", numbers(0, 3)...)
	flush(t, c)
	if err := members[1].Close(); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "task", numbers(0, 4)...)
	flush(t, c)
	if diff := cmp.Diff([]uint64{4, 3}, matched(t, b, "0", "2")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := stats(t, b); s.Matched != 7 || s.HandedOver != 1 || s.Dropped != 0 {
		t.Errorf("matched %d, handed over %d, dropped by %v; want 7, and the one of the member that left", s.Matched, s.HandedOver, s.DroppedBy)
	}
}

// The broker hands what waits for a member that leaves over to the others, with a mark. It
// is lost only when there is no other member.
func TestALeavingMemberHandsOverWhatItHas(t *testing.T) {
	b := serve(t, router.Options{})
	far, on := attach(t, b, 0) // takes nothing
	on(func() {
		if _, _, err := far.session.Subscribe(1, router.Subscription{Group: "g", Patterns: []string{"task"}}); err != nil {
			t.Error(err)
		}
	})
	c := client(t, b, "c")
	publish(t, c, "task", "taken, and then lost with its connection")
	flush(t, c)
	publish(t, c, "task", "0", "1", "2")
	flush(t, c)
	other := subscribe(t, c, router.Subscription{Group: "g", Patterns: []string{"task"}})
	on(func() {
		far.lose()
		far.session.Unsubscribe(1)
	})
	var got []string
	for m := range other.Messages(within(t)) {
		if !m.Redelivered() {
			t.Errorf("%s is not marked as redelivered", m.Payload)
		}
		if got = append(got, string(m.Payload)); len(got) == 3 {
			break
		}
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := stats(t, b); s.HandedOver != 3 {
		t.Errorf("%d handed over, want 3", s.HandedOver)
	}
	publish(t, c, "task", "3")
	flush(t, c)
	other.Close()
	if s := stats(t, b); s.HandedOver != 3 || s.DroppedBy["connection lost"] != 2 {
		t.Errorf("%d handed over, dropped by %v: want the last message lost, because nobody is left to take it", s.HandedOver, s.DroppedBy)
	}
}
