package frame_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// packed returns a publish frame with the payload as Compress leaves it.
func packed(t testing.TB, payload []byte) frame.Frame {
	t.Helper()
	small, flags := frame.Compress(nil, payload, frame.FlagS2)
	if flags == 0 {
		small = payload
	}
	return packedPlain(t, small, flags)
}

func packedPlain(t testing.TB, payload []byte, flags frame.Flags) frame.Frame {
	t.Helper()
	f, err := frame.Append(nil, &frame.Fields{
		Type: frame.TypePublish, Flags: flags | frame.FlagRetain, Priority: 7, Topic: "events.demo", ID: 42, Payload: payload,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCompressRoundTrip(t *testing.T) {
	for _, size := range []int{frame.CompressAbove + 1, 4 << 10, 1 << 20, 3 << 20} {
		want := text(size)
		f := packed(t, want)
		if f.Flags()&frame.FlagCompressed != frame.FlagS2 || len(f) >= size {
			t.Fatalf("%d bytes: flags %d, frame of %d bytes", size, f.Flags(), len(f))
		}
		limit := len(f) - len(f.Payload()) + size
		got, err := frame.Inflate([]byte("kept"), f, limit)
		if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], want) {
			t.Errorf("%d bytes: Inflate gives %d bytes, %v", size, len(got), err)
		}
		if got, err := frame.Inflate([]byte("kept"), f, limit-1); !errors.Is(err, frame.ErrTooLarge) || string(got) != "kept" {
			t.Errorf("one byte too large: %d bytes, %v, want %v", len(got), err, frame.ErrTooLarge)
		}
	}
}

func TestCompressKeepsOnlyWhatIsSmaller(t *testing.T) {
	noise := make([]byte, 4<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"noise": noise, "small": text(frame.CompressAbove), "empty": nil,
	} {
		got, flags := frame.Compress([]byte("kept"), payload, frame.FlagS2)
		if flags != 0 || string(got) != "kept" {
			t.Errorf("%s: flags %d and %d bytes, want none", name, flags, len(got)-4)
		}
	}
	mustPanic(t, "no method", func() { frame.Compress(nil, nil, 0) })
	mustPanic(t, "another flag", func() { frame.Compress(nil, nil, frame.FlagRetain) })
}

func TestAppendInflatedGivesThePlainFrame(t *testing.T) {
	want := packedPlain(t, text(4<<10), 0)
	f := packed(t, text(4<<10))
	got, err := frame.AppendInflated([]byte("kept"), f, len(want))
	if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], want) {
		t.Errorf("%d bytes, %v, want the frame that was never compressed", len(got), err)
	}
	if got, err := frame.AppendInflated([]byte("kept"), f, len(want)-1); !errors.Is(err, frame.ErrTooLarge) || string(got) != "kept" {
		t.Errorf("one byte too large: %d bytes, %v", len(got), err)
	}
	if got, err := frame.AppendInflated(nil, want, len(want)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("not compressed: %d bytes, %v, want the frame itself", len(got), err)
	}
}

func TestInflatedLenIsWhatAppendInflatedAppends(t *testing.T) {
	plain := packedPlain(t, text(4<<10), 0)
	for _, f := range []frame.Frame{packed(t, text(4<<10)), plain} {
		if n, err := frame.InflatedLen(f, len(plain)); err != nil || n != len(plain) {
			t.Errorf("flags %d: %d, %v, want %d", f.Flags(), n, err, len(plain))
		}
		for _, limit := range []int{len(plain) - 1, 0, -1} {
			if _, err := frame.InflatedLen(f, limit); !errors.Is(err, frame.ErrTooLarge) {
				t.Errorf("flags %d, limit %d: %v, want %v", f.Flags(), limit, err, frame.ErrTooLarge)
			}
		}
	}
	for _, v := range readVectors(t) {
		if v.keys["expect"] != "too-large" || v.keys["stream"] == "lost" {
			continue
		}
		if _, err := frame.InflatedLen(v.bytes, v.maxSize); !errors.Is(err, frame.ErrTooLarge) {
			t.Errorf("%s: %v, want %v", v.name, err, frame.ErrTooLarge)
		}
	}
}

// allocated returns how many bytes run allocates. The count is that of the whole
// process: what goes beyond limit once in a few tries is not run's.
func allocated(limit uint64, run func()) (took uint64) {
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		if took = after.TotalAlloc - before.TotalAlloc; took <= limit {
			break
		}
	}
	return took
}

// TestInflateDamaged flips every bit of a compressed payload: the outcome is an
// error or as many bytes as InflatedLen returns, in memory of that size, and in next
// to none where the payload calls itself larger than allowed.
func TestInflateDamaged(t *testing.T) {
	const maxPayload = 2 << 10
	beside := uint64(1 << 10) // of the errors of a test, and of Go's rounding up
	if underRace {
		beside = 64 << 10
	}
	f := packed(t, text(1<<10))
	head := len(f) - len(f.Payload())
	for bit := range 8 * len(f.Payload()) {
		damaged := frame.Frame(bytes.Clone(f))
		damaged.Payload()[bit/8] ^= 1 << (bit % 8)
		n, lenErr := frame.InflatedLen(damaged, head+maxPayload)
		limit := beside
		if lenErr == nil {
			limit += uint64(n - head)
		}
		var got []byte
		var err error
		took := allocated(limit, func() { got, err = frame.Inflate(nil, damaged, head+maxPayload) })
		if took > limit || err != nil && got != nil || err == nil && len(got) != n-head {
			t.Fatalf("bit %d: %d bytes, %v, and %d bytes were allocated; InflatedLen says %d, %v", bit, len(got), err, took, n, lenErr)
		}
	}
}

func TestFeaturesHaveNames(t *testing.T) {
	for _, tc := range []struct {
		names, want []string
		inflates    frame.Flags
	}{
		{nil, []string{}, 0},
		{[]string{"later", "S2"}, []string{}, 0},
		{[]string{"later", "s2", "s2"}, []string{"s2"}, frame.FlagS2},
		{[]string{"confirm", "credit"}, []string{"credit", "confirm"}, 0},
	} {
		set := frame.ParseFeatures(tc.names)
		if names := set.Names(); names == nil || !slices.Equal(names, tc.want) || set.Compressions() != tc.inflates {
			t.Errorf("%q: %q, inflates %d; want %q, %d", tc.names, names, set.Compressions(), tc.want, tc.inflates)
		}
	}
	if all := frame.ParseFeatures(frame.AllFeatures.Names()); all != frame.AllFeatures {
		t.Errorf("the names of all features are those of %b, want %b", all, frame.AllFeatures)
	}
}
