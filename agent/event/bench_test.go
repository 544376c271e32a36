package event_test

import (
	"encoding/json"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// What a sub-benchmark shows: build is the cost of a collector: of everything, of
// who acted where the origin was encoded before, or from both blocks; match is that of a rule
// which looks at two fields, text that of one field alone; copy that of a reader
// who takes everything; json that of tail and of outputs; convert what it costs
// to take the same document from somebody else. encoding-json is that document
// decoded by a subscriber, which is what the binary form spares.
func BenchmarkEvent(b *testing.B) {
	start, net := process(event.OpStart), connected()
	from, who := start.Origin.Encode(), start.Actor.Encode()
	built := start.Append(nil)
	view := parse(b, built)
	document := ecs.Append(nil, view)
	buf := make([]byte, 0, 8192)

	run := func(name string, size int, f func()) {
		b.Run("op="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			if size > 0 {
				b.ReportMetric(float64(size), "bytes")
			}
		})
	}
	run("build/from=whole", len(built), func() { buf = start.Append(buf[:0]) })
	run("build/from=actor", len(built), func() {
		who.Set(&start.Actor)
		buf = event.Append(buf[:0], &start.Header, from, who, &start.Body)
	})
	run("build/from=blocks", len(built), func() { buf = event.Append(buf[:0], &start.Header, from, who, &start.Body) })
	run("build/from=blocks/type=network", len(net.Append(nil)), func() { buf = event.Append(buf[:0], &net.Header, from, who, &net.Body) })
	run("parse", 0, func() { _, _ = event.Parse(built) })
	run("match", 0, func() { matchTwo(built) })
	b.Run("op=text", func(b *testing.B) {
		for b.Loop() {
			sink += len(view.Text(executable))
		}
	})
	b.Run("op=uint", func(b *testing.B) {
		for b.Loop() {
			n, _ := view.Uint(parentPID)
			sink += int(n)
		}
	})
	run("copy", 0, func() { _, _ = event.Copy[event.Detail](view) })
	run("json", len(document), func() { buf = ecs.Append(buf[:0], view) })
	run("convert", 0, func() { buf, _ = ecs.Convert(buf[:0], document, ecs.Foreign{}) })
	run("encoding-json", 0, func() {
		var m map[string]any
		if err := json.Unmarshal(document, &m); err != nil {
			b.Fatal(err)
		}
	})
}

var parentPID = event.MustField(event.TableProcess, "ParentProcessId")
