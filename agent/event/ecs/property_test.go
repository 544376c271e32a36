package ecs_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// draw makes events of any content that is within the bounds. Texts are UTF-8,
// because JSON keeps no other.
type draw struct{ t *rapid.T }

func (d draw) text(name string) string { return rapid.StringN(0, 12, 40).Draw(d.t, name) }
func (d draw) flat(name string) string { return strings.ReplaceAll(d.text(name), "\x00", "0") }
func (d draw) u32(name string) uint32  { return rapid.Uint32().Draw(d.t, name) }
func (d draw) time(name string) int64  { return rapid.Int64Range(1, 1<<62).Draw(d.t, name) }

func (d draw) number(name string, most uint64) event.Number {
	if rapid.Bool().Draw(d.t, name+" known") {
		return event.Known(rapid.Uint64Range(0, most).Draw(d.t, name))
	}
	return 0
}

// list is texts with a NUL behind each. The last one is not empty: at the end of
// a command line that would be padding.
func (d draw) list(name string) string {
	var b strings.Builder
	for i := range rapid.IntRange(0, 4).Draw(d.t, name+" number") {
		b.WriteString(d.flat(name))
		if i == 3 || rapid.Bool().Draw(d.t, name+" last") {
			b.WriteString("x\x00")
			break
		}
		b.WriteString("\x00")
	}
	return strings.TrimLeft(b.String(), "\x00")
}

func (d draw) pairs(name string) []event.Pair {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Pair {
		return event.Pair{Name: "n" + rapid.StringN(0, 6, 20).Draw(t, "name"), Value: rapid.StringN(0, 6, 20).Draw(t, "value")}
	}), 0, 4).Draw(d.t, name)
}

func (d draw) header() event.Header {
	return event.Header{
		Type:       event.Type(rapid.IntRange(1, 4).Draw(d.t, "type")),
		Operation:  event.Operation(rapid.IntRange(1, 17).Draw(d.t, "operation")),
		Flags:      event.Flags(rapid.Uint64Range(0, 1<<21-1).Draw(d.t, "flags")),
		PID:        d.u32("pid"),
		StartTicks: rapid.Uint64Range(0, 1<<63).Draw(d.t, "ticks"),
		Sequence:   rapid.Uint64Range(0, 1<<63).Draw(d.t, "sequence"),
		MonoNs:     d.time("mono"),
		WallNs:     d.time("wall"),
	}
}

func (d draw) origin() event.Origin {
	o := event.Origin{Host: d.flat("host"), HostID: d.flat("host id"), Collector: d.flat("collector"), Labels: d.pairs("labels")}
	copy(o.BootID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(d.t, "boot"))
	return o
}

func (d draw) actor() event.Actor {
	const most = 1<<32 - 1
	a := event.Actor{
		Name: d.text("name"), Executable: d.text("executable"), CommandLine: d.list("args"), Directory: d.text("directory"), StartNs: d.time("start"),
		UID: d.number("uid", most), GID: d.number("gid", most), User: d.text("user"), LoginUID: d.number("login", most), LoginUser: d.text("login user"),
		Container: d.text("container"), Unit: d.text("unit"),
		PPID: d.u32("ppid"), ParentStartTicks: rapid.Uint64Range(0, 1<<63).Draw(d.t, "parent ticks"),
		ParentName: d.text("parent"), ParentExecutable: d.text("parent exe"), ParentCommandLine: d.flat("parent line"),
	}
	for i := range rapid.IntRange(0, event.MaxAncestors).Draw(d.t, "ancestors") {
		a.Ancestors[i] = event.Ancestor{PID: d.u32("ancestor"), Name: d.text("ancestor name"), Executable: d.text("ancestor exe")}
	}
	return a
}

func drawn[B event.Body](d draw, body B) event.Event[B] {
	return event.Event[B]{Header: d.header(), Origin: d.origin(), Actor: d.actor(), Body: body, Extra: d.pairs("extra")}
}

func (d draw) any() []byte {
	const bytes, ratio = 1<<64 - 2, 4_000_000_000
	switch rapid.IntRange(0, 4).Draw(d.t, "body") {
	case 0:
		e := drawn(d, event.Detail{Code: rapid.Byte().Draw(d.t, "code"), Signal: rapid.Byte().Draw(d.t, "signal")})
		return e.Append(nil)
	case 1:
		end := func() event.Endpoint {
			return event.Endpoint{Address: d.text("address"), Port: uint16(d.u32("port")), Name: d.text("host"), Bytes: d.number("bytes", bytes)}
		}
		e := drawn(d, event.Connection{
			Source: end(), Destination: end(), Transport: d.text("transport"), Direction: event.Direction(rapid.IntRange(0, 2).Draw(d.t, "direction")),
			DurationNs: d.number("duration", bytes),
			Query:      event.Query{Name: d.text("query"), Type: d.text("type"), Status: d.text("status"), Answers: d.list("answers")},
		})
		return e.Append(nil)
	case 2:
		e := drawn(d, event.File{
			Path: d.text("path"), Previous: d.text("previous"), Target: d.text("target"), Type: d.text("type"), Mode: d.text("mode"), SHA256: d.text("hash"),
			UID: d.number("uid", 1<<32-1), GID: d.number("gid", 1<<32-1), Inode: rapid.Uint64Range(0, bytes).Draw(d.t, "inode"), Size: d.number("size", bytes),
		})
		return e.Append(nil)
	case 3:
		e := drawn(d, event.Usage{
			CPU: d.number("cpu", ratio), Load1: d.number("load", ratio), MemoryTotal: d.number("memory", bytes), SwapUsed: d.number("swap", bytes),
			ProcessCPU: d.number("process", ratio), ProcessThreads: d.number("threads", 1<<32-1), PressureIO: d.number("pressure", ratio),
		})
		return e.Append(nil)
	}
	e := drawn(d, event.Loss{Lost: rapid.Uint64Range(0, bytes).Draw(d.t, "lost"), Total: rapid.Uint64Range(0, bytes).Draw(d.t, "total"), Reason: d.text("reason"), SinceNs: d.time("since")})
	return e.Append(nil)
}

// TestOurOwnJSONConvertsToTheSameEvent holds AppendJSON and Convert against each
// other, and every field of the one event against that of the other.
func TestOurOwnJSONConvertsToTheSameEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := event.Parse(draw{t}.any())
		if err != nil {
			t.Fatal(err)
		}
		doc := ecs.Append(nil, v)
		// A gap's type is not that of its table, but both stand in the document.
		b, err := ecs.Convert(nil, doc, ecs.Foreign{Header: event.Header{Type: v.Type()}})
		if err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		w, err := event.Parse(b)
		if err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		if again := ecs.Append(nil, w); !bytes.Equal(doc, again) {
			t.Fatalf("document:\n%s\nconverted:\n%s", doc, again)
		}
		for _, f := range v.Table().Fields() {
			compareField(t, f, v, w)
		}
	})
}

func compareField(t *rapid.T, f event.Field, v, w event.View) {
	a, b := v.Text(f), w.Text(f)
	m, ok := v.Uint(f)
	n, ok2 := w.Uint(f)
	if !bytes.Equal(a, b) || (a == nil) != (b == nil) || m != n || ok != ok2 {
		t.Fatalf("%s: %q %d %v, converted %q %d %v", f.Name(), a, m, ok, b, n, ok2)
	}
	if v.Len(f) != w.Len(f) {
		t.Fatalf("%s: %d, converted %d", f.Name(), v.Len(f), w.Len(f))
	}
	for i := range v.Len(f) {
		m, _ := v.ItemUint(f, i)
		n, _ := w.ItemUint(f, i)
		if !bytes.Equal(v.Item(f, i), w.Item(f, i)) || m != n {
			t.Fatalf("%s %d: %q %d, converted %q %d", f.Name(), i, v.Item(f, i), m, w.Item(f, i), n)
		}
	}
}
