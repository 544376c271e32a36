package e2e_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
	"github.com/daemoneye/eventbus/bench/proc"
)

var (
	plain   = floor.Plain(false)
	stingy  = wrap("stingy", func(s e2e.Sink) e2e.Sink { return &onlyLast{s} })
	lossy   = wrap("lossy", func(s e2e.Sink) e2e.Sink { return &everyTenth{Sink: s} })
	endless = wrap("endless", func(s e2e.Sink) e2e.Sink { return &withoutLast{s} })

	brokerFails = e2e.System{
		Name:   "broker-fails",
		Broker: func(context.Context, e2e.Config, func()) error { return errors.New("no socket for you") },
	}
	publisherFails = e2e.System{
		Name:       "publisher-fails",
		Broker:     plain.Broker,
		Subscriber: plain.Subscriber,
		Publisher:  func(context.Context, e2e.Config) (e2e.Publisher, error) { return nil, errors.New("not welcome") },
	}
	subscriberEnds = e2e.System{
		Name:      "subscriber-ends",
		Broker:    plain.Broker,
		Publisher: plain.Publisher,
		Subscriber: func(_ context.Context, _ e2e.Config, ready func(), _ e2e.Sink) error {
			ready()
			return io.ErrUnexpectedEOF
		},
	}
)

func TestMain(m *testing.M) {
	e2e.Roles(plain, lossy, endless, stingy, brokerFails, publisherFails, subscriberEnds).RunIfChild()
	os.Exit(m.Run())
}

// wrap is the plain relay with something between it and the receiver.
func wrap(name string, between func(e2e.Sink) e2e.Sink) e2e.System {
	s := plain
	s.Name, s.Floor = name, false
	s.Subscriber = func(ctx context.Context, c e2e.Config, ready func(), sink e2e.Sink) error {
		return plain.Subscriber(ctx, c, ready, between(sink))
	}
	return s
}

// everyTenth loses every tenth message and announces it; the last one always comes.
type everyTenth struct {
	e2e.Sink
	n int
}

func (s *everyTenth) Receive(payload []byte) {
	if s.n++; s.n%10 == 0 && !isLast(payload) {
		s.Sink.Lost(1)
		return
	}
	s.Sink.Receive(payload)
}

// withoutLast never hands on the last message.
type withoutLast struct{ e2e.Sink }

func (s *withoutLast) Receive(payload []byte) {
	if !isLast(payload) {
		s.Sink.Receive(payload)
	}
}

// onlyLast hands on nothing but the last message.
type onlyLast struct{ e2e.Sink }

func (s *onlyLast) Receive(payload []byte) {
	if isLast(payload) {
		s.Sink.Receive(payload)
	}
}

func isLast(payload []byte) bool { return binary.LittleEndian.Uint32(payload[20:]) == 1 }

func brief(s e2e.Spec) e2e.Spec {
	s.Warmup, s.Measured = 10*time.Millisecond, 50*time.Millisecond
	return s
}

func TestLossesAreCountedAndComparedWithWhatIsAnnounced(t *testing.T) {
	for _, spec := range []e2e.Spec{
		{Publishers: 1, Subscribers: 2, Size: 64},                        // floods
		{Publishers: 2, Subscribers: 1, Size: 64, Window: 512},           // the window goes on over holes
		{Publishers: 2, Subscribers: 2, Size: 64, Rate: 5000, Window: 2}, // an open loop has no window
	} {
		out, err := e2e.Run(t.Context(), lossy, brief(spec))
		if err != nil {
			t.Fatal(err)
		}
		if out.Lost() == 0 || out.Lost() != int64(out.Announced) || out.Disorder != 0 {
			t.Errorf("%+v: %d lost, %d announced, %d in disorder", spec, out.Lost(), out.Announced, out.Disorder)
		}
		if out.Due != out.Sent*uint64(spec.Subscribers) {
			t.Errorf("%+v: %d sent, %d due", spec, out.Sent, out.Due)
		}
	}
}

func TestAMeasurementEndsThoughTheLastMessageIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a straggler that never comes, for seconds")
	}
	out, err := e2e.Run(t.Context(), endless, brief(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000}))
	if err != nil {
		t.Fatal(err)
	}
	if out.Lost() != 1 {
		t.Errorf("%d lost", out.Lost())
	}
}

func TestAMeasurementEndsThoughAWholeWindowIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for acknowledgements that never come, for seconds")
	}
	out, err := e2e.Run(t.Context(), stingy, brief(e2e.Spec{Publishers: 2, Subscribers: 1, Size: 64, Window: 16}))
	if err != nil {
		t.Fatal(err)
	}
	if out.Received != 2 || out.Lost() != int64(out.Sent)-2 {
		t.Errorf("of %d messages %d received, %d lost", out.Sent, out.Received, out.Lost())
	}
}

func TestFailuresSayWhichPartAndWhy(t *testing.T) {
	spec := brief(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000})
	for _, c := range []struct {
		name   string
		system e2e.System
		spec   e2e.Spec
		want   string
	}{
		{"broker", brokerFails, spec, "broker:broker-fails: no socket for you"},
		{"publisher", publisherFails, spec, "connect publisher: not welcome"},
		{"subscriber", subscriberEnds, spec, "unexpected EOF"},
		{"nobody to send", plain, e2e.Spec{Subscribers: 1, Size: 64}, "at least one of each"},
		{"too small", plain, e2e.Spec{Publishers: 1, Subscribers: 1, Size: 8}, "message size 8"},
		{"negative", plain, e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Rate: -1}, "negative"},
		{"window too small", plain, e2e.Spec{Publishers: 2, Subscribers: 1, Size: 64, Window: 1}, "window 1 for 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e2e.Run(t.Context(), c.system, c.spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want it to say %q", err, c.want)
			}
		})
	}
}

func TestRoundsTakeTurns(t *testing.T) {
	spec := brief(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Window: 64})
	entries := []e2e.Entry{{System: plain, Spec: spec}, {System: lossy, Spec: spec}}
	var order []string
	series, err := e2e.Rounds(t.Context(), 2, entries,
		func(round int, e e2e.Entry) { order = append(order, fmt.Sprint(round), e.Label()) },
		func(e e2e.Entry, _ e2e.Outcome) { order = append(order, e.Label()) })
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "0 relay-plain relay-plain 0 lossy lossy 1 relay-plain relay-plain 1 lossy lossy" {
		t.Errorf("measured in the order %s", got)
	}
	for _, s := range series {
		if len(s.Outcomes) != 2 || s.Median(e2e.Rate) <= 0 {
			t.Errorf("%s: %+v", s.Label(), s.Outcomes)
		}
	}
}

func TestIdleMeasuresStartAndConnections(t *testing.T) {
	f, err := e2e.Idle(t.Context(), plain, 16, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if f.Start <= 0 || f.RSS <= 0 || f.RSSWith <= 0 || f.Connections != 16 {
		t.Errorf("%+v", f)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := plain
	other.Program, other.Foreign = proc.Program(path), true
	other.Connect = func(context.Context, e2e.Config) (io.Closer, error) {
		return nil, errors.New("not this program's client")
	}
	f, err = e2e.Idle(t.Context(), other, 16, 20*time.Millisecond)
	if err != nil || f.RSS <= 0 || f.RSSWith <= 0 {
		t.Errorf("of another program: %+v, %v", f, err)
	}
	if _, err := e2e.Idle(t.Context(), floor.OneHop(false), 1, 0); err == nil {
		t.Error("a system without a broker is measured")
	}
}

func TestForcedCollectionsShowAsPauses(t *testing.T) {
	spec := brief(e2e.Spec{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000, Collect: 2 * time.Millisecond})
	for range 100 { // on a machine that is busy, the measured part may pass without one
		out, err := e2e.Run(t.Context(), plain, spec)
		if err != nil {
			t.Fatal(err)
		}
		if out.Broker.Pauses.Count >= 2 {
			return
		}
	}
	t.Error("no pause is seen")
}
