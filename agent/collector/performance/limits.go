package performance

import (
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// Limits are where figures begin to be too high, in percent; 0 is no limit.
type Limits struct {
	CPU, Memory, Swap                       int
	Filesystem, Files                       int // of each filesystem: its bytes, its room for files
	PressureCPU, PressureIO, PressureMemory int // share of the last ten seconds in which some waited
}

// watch follows one figure, and knows whether it is too high.
//
// One goroutine at a time.
type watch struct {
	metric  string // the field of the figure
	limit   uint64 // in millionths
	clear   uint64 // below which it has recovered
	sustain int64  // ns

	state level
	since clock.Moment // when it went beyond its limit; of no use while normal
	seen  uint64       // round in which its subject was last there
}

// level is where a figure is.
type level uint8

const (
	normal level = iota
	high         // at or above its limit, and not for long enough
	raised       // an anomaly has been announced
)

// newWatch makes a watch of a figure. margin is by how much the figure has to be below
// its limit to have recovered. Where the limit is no higher than the margin, it has to be
// 0.
func newWatch(metric string, limitPercent, marginPercent int, sustain time.Duration) *watch {
	w := &watch{metric: metric}
	w.adjust(limitPercent, marginPercent, sustain)
	return w
}

// adjust has the next figures compared with another limit. An anomaly that was announced
// goes on, until a figure has recovered by the new one.
func (w *watch) adjust(limitPercent, marginPercent int, sustain time.Duration) {
	w.limit, w.clear, w.sustain = uint64(limitPercent)*1e4, uint64(max(limitPercent-marginPercent, 0))*1e4, int64(sustain)
}

// look takes a figure into account, in millionths. It returns OpAnomaly when the figure
// has been too high for long enough, OpRecovery when it has come down after that, and 0
// otherwise. A figure that is not known changes nothing.
func (w *watch) look(figure event.Number, at clock.Moment) event.Operation {
	n, ok := figure.Get()
	if !ok || w.limit == 0 && w.state != raised {
		return 0
	}
	switch {
	case w.state == raised:
		if n < w.clear || n == 0 || w.limit == 0 {
			w.state = normal
			return event.OpRecovery
		}
		return 0
	case n < w.limit:
		w.state = normal
		return 0
	case w.state == normal:
		w.state, w.since = high, at
	}
	if at.MonoNs-w.since.MonoNs < w.sustain {
		return 0
	}
	w.state = raised
	return event.OpAnomaly
}

// describe adds what an event has of the figure.
func (w *watch) describe(u *event.Usage, figure event.Number) {
	u.Metric, u.Value, u.Limit, u.SinceNs = w.metric, figure, event.Known(w.limit), w.since.WallNs
}
