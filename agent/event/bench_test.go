package event_test

import (
	"encoding/json"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// What a sub-benchmark shows: build is the collector's cost, match that of a
// rule which looks at two fields, copy that of a reader who takes everything,
// json that of tail and of the sinks. encoding-json is the same document decoded
// by a subscriber, which is what the binary form spares.
func BenchmarkEvent(b *testing.B) {
	p := sleep()
	built := event.AppendProcess(nil, &p)
	view := parseProcess(b, built)
	document := event.AppendJSON(nil, view.View)
	buf := make([]byte, 0, 4096)

	b.Run("op=build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = event.AppendProcess(buf[:0], &p)
		}
		b.ReportMetric(float64(len(built)), "bytes")
	})
	b.Run("op=parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := event.Parse(built); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			matchTwo(built)
		}
	})
	b.Run("op=copy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = view.Copy()
		}
	})
	b.Run("op=json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = event.AppendJSON(buf[:0], view.View)
		}
		b.ReportMetric(float64(len(document)), "bytes")
	})
	b.Run("op=encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m map[string]any
			if err := json.Unmarshal(document, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
