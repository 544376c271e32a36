package frame_test

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
)

func TestNowIsTheClockOfAllProcesses(t *testing.T) {
	kernel := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano()
	}
	// Now may be off by what the two readings at the start were apart.
	const slack = 100_000
	for range 1000 {
		before, now, after := kernel(), frame.Now(), kernel()
		if now < before-slack || now > after+slack {
			t.Fatalf("Now is %d, want between %d and %d", now, before, after)
		}
	}
}

func TestClockOffset(t *testing.T) {
	const s = int64(1e9)
	for name, c := range map[string]struct{ sent, received, broker, want int64 }{
		"the same clock, read in the middle":   {5 * s, 7 * s, 6 * s, 0},
		"the same clock, read at once":         {5 * s, 7 * s, 5 * s, 0},
		"the same clock, read last":            {5 * s, 7 * s, 7 * s, 0},
		"an offset of the round trip":          {5 * s, 7 * s, 8 * s, 0},
		"an offset above the round trip":       {5 * s, 7 * s, 8*s + 1, 2*s + 1},
		"an offset below minus the round trip": {5 * s, 7 * s, 4*s - 1, -2*s - 1},
		"a namespace that is a day ahead":      {100 * s, 100*s + 1000, 86500*s + 500, 86400 * s},
		"a namespace that is behind":           {86500 * s, 86500*s + 1000, 100*s + 500, -86400 * s},
		"no round trip at all":                 {5, 5, 6, 1},
		"a broker that does not say":           {5 * s, 7 * s, 0, 0},
		"a client whose clock went back":       {7 * s, 5 * s, 7 * s, 0},
		"the largest clock":                    {0, 2, math.MaxInt64, math.MaxInt64 - 1},
	} {
		if got := frame.ClockOffset(c.sent, c.received, c.broker); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestShiftTimes holds that all times of a frame move, and nothing else of it does.
func TestShiftTimes(t *testing.T) {
	ext, err := frame.AppendExtension(nil, &frame.Meta{Correlation: frame.Correlation{ID: "c"}, Deadline: 2000, PID: 7})
	if err != nil {
		t.Fatal(err)
	}
	build := func(time int64, extension []byte) frame.Frame {
		b, err := frame.Append(nil, &frame.Fields{Type: frame.TypeRequest, Topic: "a.b", Extension: extension, Payload: []byte("payload"), Time: time})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct{ time, by, want int64 }{
		{1000, 500, 1500}, {1000, -5000, -4000}, {1000, math.MaxInt64, math.MaxInt64}, {-1000, math.MinInt64, math.MinInt64}, {-1, math.MaxInt64, math.MaxInt64 - 1},
	} {
		f := build(c.time, ext)
		f.ShiftTimes(c.by)
		if f.Time() != c.want {
			t.Errorf("%d shifted by %d is %d", c.time, c.by, f.Time())
		}
		deadline, _ := f.Extension().Deadline()
		f.ShiftTimes(0)
		meta, err := frame.ParseMeta(f.Extension())
		if err != nil || meta.Correlation.ID != "c" || meta.PID != 7 || meta.Deadline != deadline || string(f.Payload()) != "payload" || string(f.Topic()) != "a.b" {
			t.Errorf("the frame is %+v %q", meta, f.Payload())
		}
	}
	f := build(1000, ext)
	if f.ShiftTimes(500); string(f) == string(build(1500, ext)) {
		t.Error("the deadline did not move")
	}
	if d, ok := f.Extension().Deadline(); !ok || d != 2500 {
		t.Errorf("the deadline is %d", d)
	}
	f = build(1000, nil)
	if f.ShiftTimes(500); string(f) != string(build(1500, nil)) {
		t.Error("a frame without a deadline is not the same with another time")
	}
}
