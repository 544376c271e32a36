package broker_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestStatisticsCountTheFateOfEachMessage(t *testing.T) {
	b := serve(t, router.Options{Name: "books"})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{SubscriberID: "s", Patterns: []string{"a"}, Queue: 4})
	publish(t, c, "a", numbers(0, 6)...)
	publish(t, c, "b", "nobody wants it")
	flush(t, c)
	got := statsOf(t, b, "s")
	want := router.SubStats{
		Source: got.Source, ID: got.ID, Name: "s", Patterns: []string{"a"}, Overflow: router.DropOldest, Capacity: 4,
		Matched: 6, Dropped: 2, Queued: 4, QueuedBytes: 4 * uint64(sizeOf("a", "0")), DroppedBytes: 2 * uint64(sizeOf("a", "0")),
		DroppedBy: map[string]uint64{"queue full, oldest dropped": 2}, InFlight: new(int), ClientLost: new(uint64),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	read(t, s, 3) // a gap and two messages
	got = statsOf(t, b, "s")
	want.Delivered, want.Queued, want.QueuedBytes = 2, 2, 2*uint64(sizeOf("a", "0"))
	want.DeliveredBytes = want.QueuedBytes
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after two were read (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(router.SubscriberStats{Delivered: 2, Lost: 2}, s.Stats()); diff != "" {
		t.Errorf("the subscriber's own (-want +got)\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all := stats(t, b)
	if all.Broker != "books" || all.Published != 7 || all.Matched != 6 || all.Delivered != 2 || all.Dropped != 4 || all.Queued != 0 || len(all.Subscriptions) != 0 {
		t.Errorf("after Close: %+v", all)
	}
	bytes := uint64(6*sizeOf("a", "0") + sizeOf("b", "nobody wants it"))
	if c := all.Clients[0]; c.Name != "c" || c.Published != 7 || c.PublishedBytes != bytes || all.PublishedByte != bytes {
		t.Errorf("%+v, in all %d bytes; want 7 messages and %d bytes", c, all.PublishedByte, bytes)
	}
}

func TestRatesAreOverTheLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c := brokertest.Connect(b, "c")
		s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Queue: 1})
		for range 90 {
			publish(t, c, "a", numbers(0, 10)...)
			flush(t, c)
			time.Sleep(time.Second)
		}
		st := stats(t, b)
		if st.PublishRate < 9.5 || st.PublishRate > 10.5 || st.DropRate < 8.5 || st.DropRate > 10.5 {
			t.Errorf("%v published and %v dropped a second, want 10, and all but few", st.PublishRate, st.DropRate)
		}
		time.Sleep(2 * time.Minute)
		if st := stats(t, b); st.PublishRate != 0 || st.DropRate != 0 || st.Published != 900 {
			t.Errorf("two minutes later: %v and %v a second, %d in all", st.PublishRate, st.DropRate, st.Published)
		}
		s.Close()
		c.Close()
		stop()
	})
}

func TestTheDropRateDoesNotCountConflation(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Overflow: router.Conflate})
	publish(t, c, "a", numbers(0, 10)...)
	flush(t, c)
	if s := stats(t, b); s.DropRate != 0 || s.DroppedBy["conflated"] != 9 {
		t.Errorf("drop rate %v, dropped by %v", s.DropRate, s.DroppedBy)
	}
}

func TestLatencyIsOfLiveMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{Replay: []router.ReplayRule{{Pattern: "b"}}})
		c := brokertest.Connect(b, "c")
		retain(t, c, "a", "retained")
		publish(t, c, "b", "replayed")
		flush(t, c)
		time.Sleep(time.Minute)
		s := subscribe(t, c, router.Subscription{Patterns: []string{"#"}, Retained: true, ReplayFrom: 1})
		publish(t, c, "c", "live")
		flush(t, c)
		time.Sleep(time.Millisecond)
		read(t, s, 3)
		l := stats(t, b).Latency
		if l.Samples != 1 || l.Max != time.Millisecond || l.Average != time.Millisecond {
			t.Errorf("%+v, want one sample of 1ms", l)
		}
		s.Close()
		c.Close()
		stop()
	})
}

// The time in a handler does not count as latency.
func TestLatencyIsWithoutTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c := brokertest.Connect(b, "c")
		handled := make(chan struct{})
		s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Handler: func(*router.Message) {
			time.Sleep(time.Minute)
			close(handled)
		}})
		publish(t, c, "a", "x")
		<-handled
		s.Close()
		if l := stats(t, b).Latency; l.Samples != 1 || l.Max != 0 {
			t.Errorf("%+v, want one sample of 0", l)
		}
		c.Close()
		stop()
	})
}

func TestASlowSubscriptionIsPublishedAsAnAdvisory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{})
		c := brokertest.Connect(b, "c")
		watch := subscribe(t, c, router.Subscription{Patterns: []string{router.SlowTopic}})
		slow := subscribe(t, c, router.Subscription{SubscriberID: "slow", Patterns: []string{"a"}, Queue: 1})
		advisory := func(dropped uint64) {
			t.Helper()
			for m := range watch.Messages(within(t)) {
				var s router.SubStats
				if err := json.Unmarshal(m.Payload, &s); err != nil {
					t.Fatal(err)
				}
				if s.Name != "slow" || s.Dropped != dropped || !m.Urgent || m.Frame.Content() != frame.ContentJSON {
					t.Errorf("%s, urgent %v; want slow, with %d dropped", m.Payload, m.Urgent, dropped)
				}
				return
			}
		}
		for range 10 { // a second has one advisory
			publish(t, c, "a", "x", "y")
			flush(t, c)
		}
		advisory(1)
		time.Sleep(broker.Tick)
		publish(t, c, "a", "x")
		advisory(20)
		if n := statsOf(t, b, "c").Queued; n != 0 { // watch has the client's name
			t.Errorf("%d advisories more", n)
		}
		slow.Close()
		c.Close()
		stop()
	})
}

func TestStatisticsEndWithTheBroker(t *testing.T) {
	b, stop := serveUntil(t, router.Options{})
	stop()
	if _, err := b.Stats(context.Background()); err == nil {
		t.Errorf("a broker that has stopped has statistics")
	}
	select {
	case <-b.Calls().Stopped():
	default:
		t.Errorf("Stopped is open after Run has returned")
	}
	if b.Post(func() {}) {
		t.Errorf("a broker that has stopped takes calls")
	}
	if err := b.Run(t.Context()); err == nil {
		t.Errorf("Run can be called twice")
	}
}

// The drop rate counts what was lost with a connection. It does not count what its own
// client gave up, answers, and what a replay no longer has.
func TestTheDropRateIsOfWhatSubscriptionsLost(t *testing.T) {
	b := serve(t, router.Options{Replay: []router.ReplayRule{{Pattern: "a", MaxCount: 1}}})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	publish(t, c, "a", numbers(0, 5)...)
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, ReplayFrom: 1})
	if diff := cmp.Diff([]string{gapLine(0, 3, sizeOf("a", "0"), "replay expired"), "4 4"}, read(t, s, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	publish(t, c, "a", numbers(0, 5)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	on(func() {
		for id := range uint64(5000) {
			far.session.Refuse(id+1, frame.ErrDenied)
		}
	})
	if s := stats(t, b); s.DropRate != 0 {
		t.Errorf("%v a second, want none: dropped by %v", s.DropRate, s.DroppedBy)
	}
	on(func() {
		far.lose()
		if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"b"}}); err != nil {
			t.Error(err)
		}
	})
	publish(t, c, "b", numbers(0, 5)...)
	flush(t, c)
	on(far.close)
	if s := stats(t, b); s.DropRate == 0 {
		t.Errorf("none a second, though a connection was lost: dropped by %v", s.DroppedBy)
	}
}
