package fuzz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// maxInflated bounds payloads here: more than seeds need, and little enough for
// a bomb to show.
const maxInflated = 64 << 10

// besides is what other goroutines may allocate while a payload is inflated.
const besides = 8 << 10

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

// FuzzInflate feeds bytes to the decompressor, as a payload that claims to be
// compressed.
func FuzzInflate(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Flags: frame.FlagS2, Topic: "events.demo", Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		fr, before := frame.Frame(b), bytes.Clone(b)
		var got []byte
		head := len(fr) - len(payload)
		limit := uint64(besides)
		if n, err := frame.InflatedLen(fr, maxInflated+head); err == nil {
			limit += 2 * uint64(n) // Go rounds up
		}
		took := allocated(limit, func() { got, err = frame.Inflate([]byte("kept"), fr, maxInflated+head) })
		if took > limit {
			t.Fatalf("%d bytes were allocated for %d, %v", took, len(got), err)
		}
		if string(got[:4]) != "kept" || len(got)-4 > maxInflated {
			t.Fatalf("%d bytes, at most %d are allowed", len(got), maxInflated)
		}
		if err != nil {
			if len(got) != 4 || !errors.Is(err, frame.ErrInflate) && !errors.Is(err, frame.ErrTooLarge) {
				t.Fatalf("%d bytes beside %v", len(got), err)
			}
		}
		// The broker's way gives the same payload in a frame, or the same error.
		plain, plainErr := frame.AppendInflated(nil, fr, maxInflated+head)
		if frame.CodeOf(plainErr) != frame.CodeOf(err) {
			t.Fatalf("AppendInflated: %v, Inflate: %v", plainErr, err)
		}
		// What is promised for it is what comes of it.
		n, lenErr := frame.InflatedLen(fr, maxInflated+head)
		if lenErr == nil && n > maxInflated+head || err == nil && (lenErr != nil || n != len(plain)) ||
			frame.CodeOf(lenErr) == frame.CodeTooLarge != (frame.CodeOf(err) == frame.CodeTooLarge) {
			t.Fatalf("InflatedLen: %d, %v; AppendInflated: %d, %v", n, lenErr, len(plain), err)
		}
		if err == nil {
			out, nextErr := frame.Next(plain, maxInflated+head)
			if nextErr != nil || out.Flags() != 0 || !bytes.Equal(out.Payload(), got[4:]) {
				t.Fatalf("AppendInflated: flags %d, %d bytes, %v", out.Flags(), len(out), nextErr)
			}
		}
		if !bytes.Equal(b, before) {
			t.Fatal("inflating wrote into its input")
		}
	})
}

// FuzzCompress compresses bytes, repeated a few times so that there is
// something to gain, and inflates them again.
func FuzzCompress(f *testing.F) {
	f.Fuzz(func(t *testing.T, repeat byte, piece []byte) {
		piece = piece[:min(len(piece), 1<<10)]
		var payload []byte
		for n := range uint32(repeat) {
			if len(payload) > maxInflated {
				break
			}
			payload = binary.LittleEndian.AppendUint32(append(payload, piece...), n)
		}
		small, flags := frame.Compress([]byte("kept"), payload, frame.FlagS2)
		if flags == 0 {
			if string(small) != "kept" {
				t.Fatalf("%d bytes appended without a flag", len(small)-4)
			}
			return
		}
		if flags != frame.FlagS2 || len(small)-4 >= len(payload) {
			t.Fatalf("flags %d, %d bytes out of %d", flags, len(small)-4, len(payload))
		}
		b, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Flags: flags, Topic: "events.demo", Payload: small[4:]})
		if err != nil {
			t.Fatal(err)
		}
		limit := len(b) - len(small[4:]) + len(payload)
		got, err := frame.Inflate(nil, b, limit)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("%d bytes come back as %d, %v", len(payload), len(got), err)
		}
		if _, err := frame.Inflate(nil, b, limit-1); !errors.Is(err, frame.ErrTooLarge) {
			t.Fatalf("one byte too large: %v", err)
		}
	})
}
