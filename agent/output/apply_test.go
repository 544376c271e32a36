package output_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// broker runs a broker until the test ends, and returns a client of it.
func broker(t *testing.T, o router.Options) router.Bus {
	t.Helper()
	b, err := router.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	bus := b.Client("test")
	t.Cleanup(func() {
		_ = bus.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return bus
}

func publish(t *testing.T, b router.Bus, topic string, n int) {
	t.Helper()
	m := router.Outgoing{Topic: topic, Payload: []byte(fmt.Sprintf(`{"n":%d}`, n)), Content: frame.ContentJSON}
	if _, err := b.PublishConfirmed(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// subscribed waits until the broker has n subscriptions of outputs.
func subscribed(t *testing.T, b router.Bus, topic string) {
	t.Helper()
	end := time.Now().Add(guard)
	for {
		n, err := b.PublishConfirmed(t.Context(), router.Outgoing{Topic: topic, Payload: []byte(`{"n":0}`), Content: frame.ContentJSON})
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no subscription")
		}
	}
}

func TestMessagesComeFromTheBusAndAlertsDoNot(t *testing.T) {
	b, j, r := broker(t, router.Options{}), fresh("a"), newReceiver()
	s := spec("a", r)
	s.Topics = []string{"#"}
	m, _ := start(t, j, b, s)
	subscribed(t, b, "events.first")
	publish(t, b, "alerts.high", 1) // of nobody's journal
	j.Raise(1, alert.High)
	publish(t, b, "events.process.lifecycle", 2)
	r.until(t, "alert and message", func() bool {
		all := r.titles()
		return slices.Contains(all, "alert 1") && slices.Contains(all, "message 2")
	})
	if slices.Contains(r.titles(), "message 1") {
		t.Error("an alert came from the bus")
	}
	for end := time.Now().Add(guard); ; time.Sleep(time.Millisecond) { // it counts after the receiver has them
		s := status(t, m, "a")
		if s.Alerts == 1 && s.Messages >= 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("status %+v", s)
		}
	}
}

func TestALostMessageIsAnnounced(t *testing.T) {
	b, j, r := broker(t, router.Options{}), fresh("a"), newReceiver()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	r.hold = func(_ context.Context, items []output.Item) (int, error) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
		return len(items), nil
	}
	s := spec("a", r)
	s.Topics, s.Queue = []string{"events.#"}, 10
	m, _ := start(t, j, b, s)
	subscribed(t, b, "events.first")
	<-entered // the worker is busy from now on
	const size = 64 << 10
	const n = 100
	for i := range n { // more than feed and queue hold
		p := append([]byte(fmt.Sprintf(`{"n":%d,"pad":"`, i+1)), slices.Repeat([]byte("x"), size)...)
		if _, err := b.PublishConfirmed(t.Context(), router.Outgoing{Topic: "events.x", Payload: append(p, `"}`...), Content: frame.ContentJSON}); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	last := fmt.Sprintf("message %d", n)
	r.until(t, last, func() bool { return slices.Contains(r.titles(), last) })
	got, lost := 0, 0
	for _, title := range r.titles() {
		var k int
		if _, err := fmt.Sscanf(title, "messages-lost %d", &k); err == nil {
			lost += k
		} else if title != "message 0" {
			got++
		}
	}
	if lost == 0 || got+lost != n {
		t.Errorf("%d messages came and %d are announced as lost, want %d together: %v", got, lost, n, r.titles())
	}
	if s := status(t, m, "a"); s.Lost != uint64(lost) || s.Health.State != control.Unhealthy {
		t.Errorf("status %+v", s)
	}
}

func TestApplyUnderLoadLosesNothing(t *testing.T) {
	b, j, r := broker(t, router.Options{}), fresh("a", "b"), newReceiver()
	other := newReceiver()
	s := spec("a", r)
	s.Topics = []string{"alerts.#", "events.#"}
	m, stop := start(t, j, b, s)
	subscribed(t, b, "events.first")
	const n = 300
	var load sync.WaitGroup
	load.Go(func() {
		for i := range n {
			j.Raise(1, alert.Low)
			if i%10 == 0 {
				publish(t, b, "events.x", i+1)
			}
		}
	})
	for i := range 20 { // changed in each way, beside another that comes and goes
		x := s
		x.Batch = 1 + i%5
		if i%4 == 3 {
			x.Topics = []string{"alerts.#", "events.x", "events.first"}
		}
		specs := []output.Spec{x}
		if i%2 == 1 {
			specs = append(specs, spec("b", other))
		}
		if err := m.Apply(specs); err != nil {
			t.Fatal(err)
		}
	}
	load.Wait()
	if err := m.Apply([]output.Spec{s, spec("b", other)}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("alert %d", i+1))
	}
	for name, r := range map[string]*receiver{"a": r, "b": other} {
		r.until(t, name+" has all alerts", func() bool { return slices.Contains(r.titles(), want[n-1]) })
		var alerts []string
		for _, it := range r.items() {
			if it.Kind == output.KindAlert {
				alerts = append(alerts, titleOf(it))
			}
		}
		if diff := cmp.Diff(want, slices.Compact(alerts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	r.until(t, "all messages", func() bool {
		got := r.titles()
		for i := 0; i < n; i += 10 {
			if !slices.Contains(got, fmt.Sprintf("message %d", i+1)) {
				return false
			}
		}
		return true
	})
	stop()
}

func TestARemovedOutputGoesOnWhereItWas(t *testing.T) {
	j, r := fresh("a"), newReceiver()
	m, _ := start(t, j, nil, spec("a", r))
	j.Raise(2, alert.Low)
	r.waitFor(t, 2)
	if err := m.Apply(nil); err != nil {
		t.Fatal(err)
	}
	if all := m.Status(); len(all) != 0 {
		t.Errorf("status of outputs that are removed: %v", all)
	}
	if err := m.Test(t.Context(), "a"); err != output.ErrUnknown {
		t.Errorf("test of an output that is removed: %v", err)
	}
	j.Raise(2, alert.Low)
	if err := m.Apply([]output.Spec{spec("a", r)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"alert 1", "alert 2", "alert 3", "alert 4"}, r.waitFor(t, 4)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestApplyRefusesAllOrNothing(t *testing.T) {
	j, r := fresh("a"), newReceiver()
	m, _ := start(t, j, nil, spec("a", r))
	bad := spec("b", r)
	bad.Topics = []string{"events..x"}
	for _, specs := range [][]output.Spec{{bad}, {spec("a", r), spec("a", r)}, {{Name: "c"}}} {
		if err := m.Apply(specs); err == nil {
			t.Errorf("%v: no error", specs)
		}
	}
	j.Raise(1, alert.Low)
	r.waitFor(t, 1)
}
