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

var methods = []frame.Flags{frame.FlagS2, frame.FlagZstd}

// packed returns a publish frame with the payload as Compress leaves it.
func packed(t testing.TB, payload []byte, method frame.Flags) frame.Frame {
	t.Helper()
	small, flags := frame.Compress(nil, payload, method)
	if flags == 0 {
		small = payload
	}
	f, err := frame.Append(nil, &frame.Fields{
		Type: frame.TypePublish, Flags: flags | frame.FlagRetain, Priority: 7, Topic: "events.demo", ID: 42, Payload: small,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCompressRoundTrip(t *testing.T) {
	for _, method := range methods {
		for _, size := range []int{frame.CompressAbove + 1, 4 << 10, 1 << 20, 3 << 20} {
			want := text(size)
			f := packed(t, want, method)
			if f.Flags()&frame.FlagCompressed != method || len(f) >= size {
				t.Fatalf("%s, %d bytes: flags %d, frame of %d bytes", methodName(method), size, f.Flags(), len(f))
			}
			got, err := frame.Inflate([]byte("kept"), f, size)
			if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], want) {
				t.Errorf("%s, %d bytes: Inflate gives %d bytes, %v", methodName(method), size, len(got), err)
			}
			if got, err := frame.Inflate([]byte("kept"), f, size-1); !errors.Is(err, frame.ErrTooLarge) || string(got) != "kept" {
				t.Errorf("%s, one byte too large: %d bytes, %v, want %v", methodName(method), len(got), err, frame.ErrTooLarge)
			}
		}
	}
}

func TestCompressKeepsOnlyWhatIsSmaller(t *testing.T) {
	noise := make([]byte, 4<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for _, method := range methods {
		for name, payload := range map[string][]byte{
			"noise": noise, "small": text(frame.CompressAbove), "empty": nil,
		} {
			got, flags := frame.Compress([]byte("kept"), payload, method)
			if flags != 0 || string(got) != "kept" {
				t.Errorf("%s, %s: flags %d and %d bytes, want none", methodName(method), name, flags, len(got)-4)
			}
		}
	}
	mustPanic(t, "no method", func() { frame.Compress(nil, nil, 0) })
	mustPanic(t, "two methods", func() { frame.Compress(nil, nil, frame.FlagCompressed) })
}

func TestAppendInflatedGivesThePlainFrame(t *testing.T) {
	want := packedPlain(t, text(4<<10))
	for _, method := range methods {
		f := packed(t, text(4<<10), method)
		got, err := frame.AppendInflated([]byte("kept"), f, len(want))
		if err != nil || string(got[:4]) != "kept" || !bytes.Equal(got[4:], want) {
			t.Errorf("%s: %d bytes, %v, want the frame that was never compressed", methodName(method), len(got), err)
		}
		if got, err := frame.AppendInflated([]byte("kept"), f, len(want)-1); !errors.Is(err, frame.ErrTooLarge) || string(got) != "kept" {
			t.Errorf("%s, one byte too large: %d bytes, %v", methodName(method), len(got), err)
		}
	}
	if got, err := frame.AppendInflated(nil, want, len(want)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("not compressed: %d bytes, %v, want the frame itself", len(got), err)
	}
}

func packedPlain(t *testing.T, payload []byte) frame.Frame {
	t.Helper()
	f, err := frame.Append(nil, &frame.Fields{
		Type: frame.TypePublish, Flags: frame.FlagRetain, Priority: 7, Topic: "events.demo", ID: 42, Payload: payload,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestInflatedLenIsWhatAppendInflatedAppends(t *testing.T) {
	plain := packedPlain(t, text(4<<10))
	for _, f := range []frame.Frame{packed(t, text(4<<10), frame.FlagS2), packed(t, text(4<<10), frame.FlagZstd), plain} {
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

// allocated returns how many bytes run allocates.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestInflateDamaged flips every bit of compressed payloads: the outcome is an
// error or some bytes, never more of them than allowed, and no more memory than
// they and the decoders' own buffers take; next to none for a payload that calls
// itself larger.
func TestInflateDamaged(t *testing.T) {
	const maxPayload, refusal, buffers = 2 << 10, 1 << 10, 256 << 10
	for _, method := range methods {
		f := packed(t, text(1<<10), method)
		for bit := range 8 * len(f.Payload()) {
			damaged := frame.Frame(bytes.Clone(f))
			damaged.Payload()[bit/8] ^= 1 << (bit % 8)
			var got []byte
			var err error
			took := allocated(func() { got, err = frame.Inflate(nil, damaged, maxPayload) })
			limit := uint64(maxPayload + buffers)
			if errors.Is(err, frame.ErrTooLarge) {
				limit = refusal
			}
			if len(got) > maxPayload || took > limit || err != nil && got != nil {
				t.Fatalf("%s, bit %d: %d bytes, %v, and %d bytes were allocated", methodName(method), bit, len(got), err, took)
			}
		}
	}
}

// TestCompressionsAmongFeatures goes from names to flags and back.
func TestCompressionsAmongFeatures(t *testing.T) {
	for _, tc := range []struct {
		features, want []string
		flags          frame.Flags
	}{
		{nil, []string{}, 0},
		{[]string{"later", frame.FeatureZstd}, []string{frame.FeatureZstd}, frame.FlagZstd},
		{[]string{frame.FeatureZstd, frame.FeatureS2}, []string{frame.FeatureS2, frame.FeatureZstd}, frame.FlagCompressed},
	} {
		flags := frame.Compressions(tc.features)
		if names := frame.CompressionNames(flags); flags != tc.flags || names == nil || !slices.Equal(names, tc.want) {
			t.Errorf("%q: flags %d, names %q; want %d, %q", tc.features, flags, names, tc.flags, tc.want)
		}
	}
}
