package event_test

import (
	"bytes"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

func TestNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	start, net, gap := process(event.OpStart), connected(), lost()
	from, who := start.Origin.Encode(), start.Actor.Encode()
	built := start.Append(nil)
	view := parse(t, built)
	buf := make([]byte, 0, 4096)
	table := event.TableProcess
	image, label := event.MustField(table, "Image"), event.MustField(table, "labels.team")
	args, above := event.MustField(table, "process.args"), event.MustField(table, "process.ancestors.pid")
	tests := []struct {
		name string
		f    func()
	}{
		{"Event.Append", func() { buf = start.Append(buf[:0]) }},
		{"Append of a connection from blocks", func() { buf = event.Append(buf[:0], &net.Header, from, who, &net.Body) }},
		{"Append of a gap", func() { buf = gap.Append(buf[:0]) }},
		{"Parse and match two fields", func() { matchTwo(built) }},
		{"Parse of garbage", func() { _, _ = event.Parse(built[:100]) }},
		{"Text", func() { sink += len(view.Text(image)) }},
		{"Text of a label", func() { sink += len(view.Text(label)) }},
		{"Text of each field", func() {
			for _, f := range everyField {
				sink += len(view.Text(f))
			}
		}},
		{"Uint of each field", func() {
			for _, f := range everyField {
				n, _ := view.Uint(f)
				sink += int(n)
			}
		}},
		{"Item", func() {
			for i := range view.Len(args) {
				sink += len(view.Item(args, i))
			}
		}},
		{"ItemUint", func() {
			for i := range view.Len(above) {
				n, _ := view.ItemUint(above, i)
				sink += int(n)
			}
		}},
		{"AppendJSON", func() { buf = ecs.Append(buf[:0], view) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, tt.f); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

var (
	everyField = event.TableProcess.Fields()
	sink       int
)

var (
	suffix = []byte("/sleep")
	within = []byte("--no-preserve-root")

	executable  = event.MustField(event.TableProcess, "Image")
	commandLine = event.MustField(event.TableProcess, "CommandLine")
)

// matchTwo is what a detection rule does: two fields of one event.
func matchTwo(b []byte) bool {
	v, err := event.Parse(b)
	if err != nil {
		return false
	}
	return bytes.HasSuffix(v.Text(executable), suffix) && bytes.Contains(v.Text(commandLine), within)
}
