package event_test

import (
	"bytes"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

func TestNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := sleep()
	gap := event.Gap{Header: p.Header, Lost: 1, Reason: "receive buffer overrun"}
	built := event.AppendProcess(nil, &p)
	view := parseProcess(t, built)
	buf := make([]byte, 0, 4096)
	tests := []struct {
		name string
		f    func()
	}{
		{"AppendProcess", func() { buf = event.AppendProcess(buf[:0], &p) }},
		{"AppendGap", func() { buf = event.AppendGap(buf[:0], &gap) }},
		{"Parse and match two fields", func() { matchTwo(built) }},
		{"Parse of garbage", func() { _, _ = event.Parse(built[:100]) }},
		{"Args", func() {
			for arg := range view.Args() {
				sink += len(arg)
			}
		}},
		{"AppendJSON", func() { buf = event.AppendJSON(buf[:0], view.View) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, tt.f); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

var sink int

var (
	suffix = []byte("/sleep")
	within = []byte("--no-preserve-root")
)

// matchTwo is what a detection rule does: two fields of one event.
func matchTwo(b []byte) bool {
	v, err := event.Parse(b)
	if err != nil {
		return false
	}
	p, ok := v.Process()
	return ok && bytes.HasSuffix(p.Executable(), suffix) && bytes.Contains(p.CommandLine(), within)
}
