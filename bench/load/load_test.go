package load_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/load"
)

// recorder is a Sender that keeps the stamps.
type recorder struct {
	stamps  []load.Stamp
	flushed int // messages sent before the latest Flush
	onSend  func(load.Stamp) error
}

func (r *recorder) Send(payload []byte) error {
	s, ok := load.ReadStamp(payload)
	if !ok {
		return errors.New("no stamp")
	}
	r.stamps = append(r.stamps, s)
	if r.onSend != nil {
		return r.onSend(s)
	}
	return nil
}

func (r *recorder) Flush() error {
	r.flushed = len(r.stamps)
	return nil
}

func TestOpenLoopKeepsItsScheduleBehindASlowReceiver(t *testing.T) {
	const interval = 100 * time.Microsecond
	r := &recorder{}
	r.onSend = func(s load.Stamp) error {
		if s.Sequence == 10 { // stalls for 50 intervals
			return load.SleepUntil(t.Context(), load.Now()+int64(50*interval))
		}
		return nil
	}
	span := load.NewSpan(0, 10*interval, 190*interval)
	sent, err := load.OpenLoop{Rate: 10_000, Size: 64, Publisher: 3, Span: span}.Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.stamps) != 201 || sent.Messages != 201 {
		t.Fatalf("%d messages sent, %d reported; want 200 and the last one", len(r.stamps), sent.Messages)
	}
	for i, s := range r.stamps {
		due := span.Begin + int64(i)*int64(interval)
		if s.Sequence != uint64(i) || s.Time != due || s.Publisher != 3 || s.Last != (i == 200) {
			t.Fatalf("message %d: %+v, due %d", i, s, due)
		}
	}
	if r.flushed != 201 {
		t.Errorf("%d messages flushed", r.flushed)
	}
	if n := sent.Lateness.Count(); n != 190 {
		t.Errorf("lateness of %d messages; want those of the measured part, 190", n)
	}
	if late := sent.Lateness.Max(); late < 49*interval {
		t.Errorf("at most %v late: the stall is not in the lateness", late)
	}
	// The stall is the sender's. A generator that had no processor meanwhile may add
	// to it.
	if n := sent.Own.Count(); n != 190 {
		t.Errorf("own lateness of %d messages; want those of the measured part, 190", n)
	}
	for _, q := range []float64{0.5, 0.9, 0.99, 1} {
		if own, all := sent.Own.Quantile(q), sent.Lateness.Quantile(q); own > all {
			t.Errorf("own lateness %v, all of it %v", own, all)
		}
	}
}

// A generator that begins late has only itself to blame. What its sender takes on
// top of that is not its own.
func TestOwnLatenessIsWithoutTheTimeInTheSender(t *testing.T) {
	const interval, stall, n = 10 * time.Millisecond, 15 * time.Millisecond, 5
	r := &recorder{}
	r.onSend = func(load.Stamp) error {
		return load.SleepUntil(t.Context(), load.Now()+int64(stall))
	}
	span := load.NewSpan(-n*interval, 0, n*interval)
	sent, err := load.OpenLoop{Rate: 100, Size: 64, Span: span}.Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	all, own := sent.Lateness.Max(), sent.Own.Max()
	if sent.Own.Count() != n || own < n*interval {
		t.Errorf("own lateness %v of %d messages; want at least %v of %d", own, sent.Own.Count(), n*interval, n)
	}
	if all < own+(n-1)*(stall-interval)/2 {
		t.Errorf("own lateness %v of %v: the stalls of %d messages are in it", own, all, n)
	}
}

func TestStreamKeepsToItsWindow(t *testing.T) {
	const window = 100
	for range 100 { // a machine that is busy may not come further than the window
		if sent, rate := streamInWindow(t, window); sent > window && rate > 0 || t.Failed() {
			return
		}
	}
	t.Error("the window has never moved, or no rate was measured")
}

// streamInWindow returns how many messages were sent, and the lowest rate at which
// a receiver saw them.
func streamInWindow(t *testing.T, window uint64) (messages uint64, rate float64) {
	t.Helper()
	w := load.NewWindow(2)
	receivers := make([]*load.Receiver, 2)
	for i := range receivers {
		receivers[i] = load.NewReceiver(load.ReceiverOptions{Every: 10, Acker: load.Windows{Publishers: []*load.Window{w}, Subscriber: i}})
	}
	queue := make(chan []byte, 2*window)
	r := &recorder{}
	r.onSend = func(s load.Stamp) error {
		if acked, _ := w.Await(t.Context(), 0); s.Sequence-acked >= window {
			t.Errorf("message %d is sent when only %d are acknowledged", s.Sequence, acked)
		}
		payload := make([]byte, load.StampSize)
		s.Put(payload)
		queue <- payload
		return nil
	}
	go func() { // ends with the last message
		for {
			payload := <-queue
			for _, receiver := range receivers {
				receiver.Receive(payload)
			}
			select {
			case <-receivers[1].Done():
				return
			default:
			}
		}
	}()
	span := load.NewSpan(0, 5*time.Millisecond, 20*time.Millisecond)
	for _, receiver := range receivers {
		receiver.Measure(span)
	}
	sent, err := load.Stream{Size: load.StampSize, Window: window, Credits: w, Span: span}.Run(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	rate = math.Inf(1)
	for i, receiver := range receivers {
		<-receiver.Done()
		got, err := receiver.Result()
		rate = min(rate, got.Rate)
		if err != nil || got.Messages != sent.Messages || got.Missing != 0 || got.Repeated != 0 {
			t.Errorf("receiver %d: %+v, %v; %d sent", i, got, err, sent.Messages)
		}
	}
	return sent.Messages, rate
}

func TestGeneratorsEndWithTheirContextAndTheirSender(t *testing.T) {
	broken := errors.New("broken")
	fails := &recorder{onSend: func(load.Stamp) error { return broken }}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late := load.NewSpan(time.Hour, 0, time.Hour)
	now := load.NewSpan(0, 0, time.Hour)
	behind := now
	behind.Begin -= int64(time.Hour)
	type generator interface {
		Run(context.Context, load.Sender) (load.Sent, error)
	}
	for _, c := range []struct {
		name string
		g    generator
		ctx  context.Context
		want error
	}{
		{"open loop, sender fails", load.OpenLoop{Rate: 1, Size: 64, Span: now}, t.Context(), broken},
		{"stream, sender fails", load.Stream{Size: 64, Span: now}, t.Context(), broken},
		{"open loop, cancelled before it is due", load.OpenLoop{Rate: 1, Size: 64, Span: late}, cancelled, context.Canceled},
		{"open loop, cancelled while it is behind", load.OpenLoop{Rate: 1e6, Size: 64, Span: behind}, cancelled, context.Canceled},
		{"stream, cancelled before it is due", load.Stream{Size: 64, Span: late}, cancelled, context.Canceled},
		{"stream, cancelled", load.Stream{Size: 64, Span: now}, cancelled, context.Canceled},
		{"stream, cancelled without credit", load.Stream{Size: 64, Window: 1, Credits: load.NewWindow(1), Span: now}, cancelled, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.g.Run(c.ctx, fails); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, g := range []generator{load.OpenLoop{Rate: 1, Size: 8, Span: now}, load.Stream{Size: 8, Span: now}, load.OpenLoop{Size: 64, Span: now}} {
		if _, err := g.Run(t.Context(), fails); err == nil || errors.Is(err, broken) {
			t.Errorf("%#v: %v; want a refusal", g, err)
		}
	}
}

// What an open loop did not get rid of in its time it does not send at all, and
// reports that.
func TestOpenLoopGivesUpWhatItCannotSend(t *testing.T) {
	const ago = 2 * time.Hour
	span := load.NewSpan(-ago, 0, time.Hour)
	sent, err := load.OpenLoop{Rate: 2, Size: 64, Span: span}.Run(t.Context(), &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	if sent.Messages != 2 || sent.Unsent != 7199 { // one, and the one that is marked as the last
		t.Errorf("sent %d, not sent %d; want 2 and 7199", sent.Messages, sent.Unsent)
	}
	if want := 1 / ago.Seconds(); sent.Reached <= want*0.9 || sent.Reached > want {
		t.Errorf("reached %g messages a second, want about %g", sent.Reached, want)
	}
}

// A subscriber that has lost a whole window has nothing to acknowledge; its
// publisher would wait for ever.
func TestStreamGoesOnWhenAWholeWindowIsLost(t *testing.T) {
	const window = 8
	w := &silent{}
	r := &recorder{}
	r.onSend = func(s load.Stamp) error {
		if s.Sequence == 3*window {
			return errEnough
		}
		return nil
	}
	_, err := load.Stream{Size: load.StampSize, Window: window, Credits: w, Span: load.NewSpan(0, 0, time.Hour)}.Run(t.Context(), r)
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{1, window + 1, 2*window + 1}, w.awaited); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
}

var errEnough = errors.New("enough")

// silent are Credits of subscribers that never acknowledge, and whose publisher has no
// patience.
type silent struct{ awaited []uint64 }

func (d *silent) Await(_ context.Context, n uint64) (uint64, error) {
	d.awaited = append(d.awaited, n)
	return 0, nil
}

func TestWindowFollowsTheSlowestSubscriber(t *testing.T) {
	w := load.NewWindow(3)
	w.Ack(0, 50)
	w.Ack(1, 40)
	w.Ack(2, 30)
	w.Ack(2, 20) // an older one, overtaken
	if acked, err := w.Await(t.Context(), 30); acked != 30 || err != nil {
		t.Errorf("acknowledged %d, %v; want 30", acked, err)
	}
	result := make(chan uint64)
	go func() {
		acked, _ := w.Await(t.Context(), 31)
		result <- acked
	}()
	w.Ack(0, 60)
	w.Ack(2, 70)
	if acked := <-result; acked != 40 {
		t.Errorf("acknowledged %d; want 40", acked)
	}
}
