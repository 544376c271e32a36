package frame_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// What would make these unfair: input that the branch predictor or the first
// cache line has learned by heart. So Next and Append work through a batch of
// frames that lie side by side, as they do in a read buffer, and the time is
// for one frame.

// batch returns n frames of the given payload size, side by side.
func batch(tb testing.TB, n, payload int) []byte {
	tb.Helper()
	t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Priority: 5, Topic: "events.process.lifecycle"})
	if err != nil {
		tb.Fatal(err)
	}
	var b []byte
	for i := range n {
		b = t.Append(b, uint64(i), int64(i), nil, make([]byte, payload))
	}
	return b
}

var sizes = []int{16, 128, 1 << 10, 16 << 10}

func BenchmarkNext(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			stream := batch(b, max(1, (256<<10)/size), size)
			b.ReportAllocs()
			rest := stream
			for b.Loop() {
				f, err := frame.Next(rest, frame.DefaultMaxSize)
				if err != nil {
					b.Fatal(err)
				}
				if rest = rest[len(f):]; len(rest) == 0 {
					rest = stream
				}
			}
		})
	}
}

// BenchmarkNextFields adds what a broker reads and writes of every frame.
func BenchmarkNextFields(b *testing.B) {
	stream := batch(b, 1000, 128)
	b.ReportAllocs()
	rest := stream
	var sum, seq uint64
	for b.Loop() {
		f, err := frame.Next(rest, frame.DefaultMaxSize)
		if err != nil {
			b.Fatal(err)
		}
		sum += uint64(f.Type()) + uint64(f.Priority()) + uint64(len(f.Topic())) + uint64(len(f.Payload()))
		seq++
		f.Stamp(7, seq)
		if rest = rest[len(f):]; len(rest) == 0 {
			rest = stream
		}
	}
	_ = sum
}

// BenchmarkNextRefused shows that a peer that sends garbage makes none here.
func BenchmarkNextRefused(b *testing.B) {
	garbage := bytes.Repeat([]byte{0xff}, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := frame.Next(garbage, frame.DefaultMaxSize); err == nil {
			b.Fatal("garbage was accepted")
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			f := frame.Fields{Type: frame.TypePublish, Priority: 5, Topic: "events.process.lifecycle", Payload: make([]byte, size)}
			dst := make([]byte, 0, 256<<10)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if cap(dst)-len(dst) < size+100 {
					dst = dst[:0]
				}
				f.ID++
				dst, _ = frame.Append(dst, &f)
			}
		})
	}
}

func BenchmarkTemplate(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			t, err := frame.NewTemplate(&frame.Fields{Type: frame.TypePublish, Priority: 5, Topic: "events.process.lifecycle"})
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, size)
			dst := make([]byte, 0, 256<<10)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var id uint64
			for b.Loop() {
				if cap(dst)-len(dst) < size+100 {
					dst = dst[:0]
				}
				id++
				dst = t.Append(dst, id, 0, nil, payload)
			}
		})
	}
}

func BenchmarkCheckTopic(b *testing.B) {
	topic := []byte("events.process.lifecycle")
	b.ReportAllocs()
	for b.Loop() {
		if err := frame.CheckTopic(topic); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExtension(b *testing.B) {
	m := frame.Meta{
		Correlation: frame.Correlation{ID: "c-1", Root: "c-0", Stage: "collect", Tags: map[string]string{"a": "1", "b": "2"}},
		EventType:   "process", PID: 4711, Metadata: map[string]string{"k": "v"},
	}
	x, err := frame.AppendExtension(nil, &m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("op=check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = frame.CheckExtension(x)
		}
	})
	b.Run("op=lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = frame.Extension(x).LookupKey(frame.TagMetadata, "k")
		}
	})
	b.Run("op=append", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			_, _ = frame.AppendExtension(dst, &m)
		}
	})
}

// text returns n bytes that compress about as well as events do.
func text(n int) []byte {
	words := [...]string{"process ", "lifecycle ", "pid=", "/usr/bin/", "sleep ", "uid=1000 ", "4711 ", "start\n"}
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < n {
		b = append(b, words[r.IntN(len(words))]...)
	}
	return b[:n]
}

func BenchmarkCompress(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			payload := text(size)
			dst := make([]byte, 0, 2*size+128)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var out []byte
			for b.Loop() {
				out, _ = frame.Compress(dst, payload, frame.FlagS2)
			}
			b.ReportMetric(float64(len(out))/float64(size), "ratio")
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			f := packed(b, text(size))
			dst := make([]byte, 0, size+64)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := frame.Inflate(dst, f, frame.DefaultMaxSize); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		_ = frame.Now()
	}
}
