package window_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/window"
)

// BenchmarkAFullGroup is a match that a group takes which has as many as it may keep, so
// that the oldest has to go: what a flood makes of each.
func BenchmarkAFullGroup(b *testing.B) {
	s := load(three() + correlation("type: temporal\nrules: [a, b]\ntimespan: 1h\n"))
	x := newBench(s, window.Options{})
	v := start(b, time.Unix(1e9, 0), 0, map[string]string{"Image": "a"})
	for range 1000 {
		x.observe(v)
	}
	b.ReportAllocs()
	for b.Loop() {
		x.observe(v)
	}
}
