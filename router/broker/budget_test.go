package broker_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// A message with the payload big lies in a buffer of its own, of 256 KiB.
var big = strings.Repeat("x", 200<<10)

func TestTheLargestQueueIsEvictedFirst(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 4 << 20, Urgent: []string{"urgent"}})
	c := client(t, b, "c")
	light := subscribe(t, c, router.Subscription{SubscriberID: "light", Patterns: []string{"small"}})
	large := subscribe(t, c, router.Subscription{SubscriberID: "large", Patterns: []string{"big", "urgent"}})
	other := subscribe(t, c, router.Subscription{SubscriberID: "other", Patterns: []string{"big.some"}})
	publish(t, c, "small", numbers(0, 10)...)
	publish(t, c, "urgent", big, big)
	publish(t, c, "big.some", big, big)
	for range 100 {
		publish(t, c, "big", big)
	}
	flush(t, c)
	s := stats(t, b)
	if s.BufferBytes > s.MaxBufferBytes {
		t.Errorf("%d bytes of buffers, at most %d are allowed", s.BufferBytes, s.MaxBufferBytes)
	}
	got := statsOf(t, b, "large")
	if got.Queued < 2 || got.DroppedBy["memory limit"] != uint64(102-got.Queued) {
		t.Errorf("the largest queue: %+v", got)
	}
	for _, name := range []string{"light", "other"} {
		if n := statsOf(t, b, name).Dropped; n != 0 {
			t.Errorf("%s lost %d", name, n)
		}
	}
	lines := read(t, large, 3)
	for i := range lines {
		lines[i] = strings.Replace(lines[i], big, "big", 1)
	}
	if lines[0] != "!0 big" || lines[1] != "!1 big" || !strings.HasPrefix(lines[2], "gap 0-") || !strings.HasSuffix(lines[2], "memory limit") {
		t.Errorf("urgent messages are evicted last, and the gap comes first: %q", lines)
	}
	read(t, light, 10)
	read(t, other, 2)
}

// The broker evicts no more than it must.
func TestEvictionFreesOnlyWhatIsNeeded(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 4 << 20})
	c := client(t, b, "c")
	subscribe(t, c, router.Subscription{SubscriberID: "s", Patterns: []string{"a"}})
	for range 100 {
		publish(t, c, "a", big)
		flush(t, c)
	}
	// 16 buffers fit, of which the publisher holds one.
	if got := statsOf(t, b, "s"); got.Queued < 14 || got.Queued > 16 {
		t.Errorf("%d are queued, want 14 to 16: %v", got.Queued, got.DroppedBy)
	}
}

// A queue announces what it lost although no further message comes.
func TestAnEvictionForMemoryIsAnnounced(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 2 << 20})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	conf := subscribe(t, c, router.Subscription{Patterns: []string{"a"}, Overflow: router.Conflate})
	inside, let := make(chan struct{}, 100), make(chan struct{})
	defer close(let)
	subscribe(t, c, router.Subscription{Patterns: []string{"b"}, Handler: func(*router.Message) {
		inside <- struct{}{}
		<-let
	}})
	publish(t, c, "a", big, big, big)
	huge := strings.Repeat("x", 800<<10) // takes a buffer of 1 MiB
	publish(t, c, "b", huge)
	brokertest.Wait(t, inside)
	publish(t, c, "b", huge) // a dequeued message cannot be evicted, and neither can this one
	flush(t, c)
	want := gapLine(0, 2, sizeOf("a", big), "memory limit")
	for name, s := range map[string]router.Subscriber{"drop-oldest": s, "conflate": conf} {
		if got := read(t, s, 1)[0]; got != want {
			t.Errorf("%s: %.100s, want %s", name, got, want)
		}
	}
	stats(t, b)
}

// A buffer that many queues share counts once, and is freed when the last of them has
// released it.
func TestASharedBufferCountsOnce(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 8 << 20})
	c := client(t, b, "c")
	var subs []router.Subscriber
	for range 20 {
		subs = append(subs, subscribe(t, c, router.Subscription{Patterns: []string{"a"}}))
	}
	for range 16 {
		publish(t, c, "a", big)
	}
	flush(t, c)
	s := stats(t, b)
	if s.Dropped != 0 || s.Queued != 20*16 || s.BufferBytes > 17*256<<10 {
		t.Errorf("%d of %d were dropped; %d bytes of buffers", s.Dropped, s.Matched, s.BufferBytes)
	}
	for _, x := range subs {
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := stats(t, b).BufferBytes; n > 256<<10 {
		t.Errorf("%d bytes of buffers are left when all have gone", n)
	}
}

// Messages that consumers have dequeued cannot be evicted. While they fill the memory, other
// queues lose what comes, with a gap, but the routing thread does not go on evicting. When
// the consumers have released them there is room again.
func TestMemoryThatNoQueueHoldsIsNotTakenFromThem(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 2<<20 + 256<<10})
	c := client(t, b, "c")
	inside, let := make(chan struct{}, 1), make(chan struct{})
	hold := func(*router.Message) {
		inside <- struct{}{}
		<-let
	}
	s := subscribe(t, c, router.Subscription{Patterns: []string{"other"}})
	for _, topic := range []string{"a", "b"} { // each holds a buffer of 1 MiB
		subscribe(t, c, router.Subscription{SubscriberID: topic, Patterns: []string{topic}, Handler: hold})
		publish(t, c, topic, strings.Repeat("x", 800<<10))
		brokertest.Wait(t, inside)
	}
	more := strings.Repeat("x", 300<<10) // does not fit into what is left of the buffers
	publish(t, c, "other", more)
	flush(t, c)
	if diff := cmp.Diff([]string{gapLine(0, 0, sizeOf("other", more), "memory limit")}, read(t, s, 1)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, topic := range []string{"a", "b"} {
		if got := statsOf(t, b, topic); got.Dropped != 0 || got.Queued != 1 {
			t.Errorf("%s: %d dropped, %d dequeued", topic, got.Dropped, got.Queued)
		}
	}
	close(let)
	for statsOf(t, b, "a").Queued+statsOf(t, b, "b").Queued > 0 {
		flush(t, c)
	}
	publish(t, c, "other", "2")
	if diff := cmp.Diff([]string{"1 2"}, read(t, s, 1)); diff != "" {
		t.Errorf("when it is released (-want +got)\n%s", diff)
	}
}

// The requester of an evicted request gets an error.
func TestARequestThatIsEvictedForMemoryIsRefused(t *testing.T) {
	b := serve(t, router.Options{MaxMemory: 2 << 20})
	c := client(t, b, "c")
	far, on := attach(t, b, 0)
	on(func() { // its sink takes one request, and then no more
		if _, _, err := far.session.Subscribe(1, router.Subscription{Patterns: []string{"far"}, Respond: true}); err != nil {
			t.Error(err)
		}
	})
	const n = 20
	outcomes := make(chan error, n)
	for range n {
		go func() {
			_, err := c.Request(within(t), "far", []byte(big))
			outcomes <- err
		}()
	}
	for range n - 8 { // at most eight buffers fit
		if err := brokertest.Wait(t, outcomes); !errors.Is(err, frame.ErrMemory) {
			t.Errorf("%v, want ErrMemory", err)
		}
	}
	on(far.close)
	for range 8 {
		if err := brokertest.Wait(t, outcomes); !errors.Is(err, frame.ErrMemory) && !errors.Is(err, router.ErrResponderDied) && !errors.Is(err, router.ErrNoResponder) {
			t.Errorf("%v, want ErrMemory or ErrResponderDied, or ErrNoResponder for one that came last", err)
		}
	}
	if s := stats(t, b); s.OpenRequests != 0 || s.Refused["memory"] < n-8 {
		t.Errorf("%d are open, refused %v", s.OpenRequests, s.Refused)
	}
}

func TestOptionsThatCannotBeMet(t *testing.T) {
	beyond := int64(math.MaxInt32) + 1 // negative as an int of 32 bits, which is refused too
	for name, o := range map[string]router.Options{
		"a negative queue":            {MaxQueued: -1},
		"a negative urgent queue":     {UrgentQueued: -1},
		"messages without a header":   {MaxMessageSize: 39},
		"messages beyond the format":  {MaxMessageSize: int(beyond), MaxMemory: 1 << 40},
		"less memory than a message":  {MaxMemory: 1 << 10},
		"negative subscriptions":      {MaxSubscriptions: -1},
		"negative requests":           {MaxRequests: -1},
		"negative retained values":    {MaxRetained: -1},
		"a negative budget":           {LatencyBudget: -1},
		"a bad urgent pattern":        {Urgent: []string{"a.#.b"}},
		"a bad replay pattern":        {Replay: []router.ReplayRule{{Pattern: ""}}},
		"a negative replay":           {Replay: []router.ReplayRule{{Pattern: "a", MaxCount: -1}}},
		"a replay beyond the memory":  {Replay: []router.ReplayRule{{Pattern: "a", MaxBytes: 60 << 20}}},
		"retained values beyond that": {MaxRetainedBytes: 51 << 20},
	} {
		if b, err := broker.New(o); err == nil || b != nil {
			t.Errorf("%s: New succeeds", name)
		}
	}
}

// TestOptionsThatMakeNoSense holds that absurd options have an error that names the bounds,
// and are not multiplied until they overflow.
func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, o := range map[string]router.Options{
		"MaxQueued is 1073741824, want 1 to 16777216":                           {MaxQueued: 1 << 30},
		"UrgentQueued is 1073741824, want 1 to 16777216":                        {UrgentQueued: 1 << 30},
		"MaxSubscriptions is 1073741824, want 1 to 16777216":                    {MaxSubscriptions: 1 << 30},
		"MaxRequests is 1073741824, want 1 to 16777216":                         {MaxRequests: 1 << 30},
		"MaxRetained is -1, want 1 to 16777216":                                 {MaxRetained: -1},
		"MaxMemory is 9223372036854775807, want 1048576 to 1125899906842624":    {MaxMemory: math.MaxInt64},
		"MaxMemory is -1, want 1048576 to 1125899906842624":                     {MaxMemory: -1},
		"MaxRetainedBytes is 9223372036854775807, want 0 to 52428800":           {MaxRetainedBytes: math.MaxInt64, Replay: []router.ReplayRule{{Pattern: "a", MaxBytes: math.MaxInt64}}},
		"LatencyBudget is 2562047h47m16.854775807s, want 0 to 1s":               {LatencyBudget: math.MaxInt64},
		"MaxRetainedBytes and Replay hold more than half of MaxMemory together": {Replay: []router.ReplayRule{{Pattern: "a", MaxBytes: math.MaxInt64}, {Pattern: "b", MaxBytes: math.MaxInt64}}},
	} {
		if _, err := broker.New(o); err == nil || !strings.HasPrefix(err.Error(), "router: options: "+want) {
			t.Errorf("New = %v, want %s", err, want)
		}
	}
}
