package performance

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// watches follow all figures that have a limit.
//
// One goroutine at a time.
type watches struct {
	limits  Limits
	margin  int
	sustain time.Duration
	host    []hostWatch
	mounted map[string]*watch // by metric and mount point
	round   uint64
}

// hostWatch is a watch and where its figure stands.
type hostWatch struct {
	*watch
	figure func(*event.Usage) event.Number
}

// The fields of figures that have a limit.
const (
	metricCPU        = "host.cpu.usage"
	metricMemory     = "system.memory.actual.used.pct"
	metricSwap       = "system.memory.swap.used.pct"
	metricCPUWait    = "linux.pressure.cpu.some.10.pct"
	metricIOWait     = "linux.pressure.io.some.10.pct"
	metricMemoryWait = "linux.pressure.memory.some.10.pct"
	metricFilesystem = "system.filesystem.used.pct"
	metricFiles      = "daemoneye.filesystem.files.pct"
)

// hostFigures are the figures of the host that have a limit.
var hostFigures = []struct {
	metric string
	limit  func(*Limits) int
	figure func(*event.Usage) event.Number
}{
	{metricCPU, func(l *Limits) int { return l.CPU }, func(u *event.Usage) event.Number { return u.CPU }},
	{metricMemory, func(l *Limits) int { return l.Memory }, func(u *event.Usage) event.Number { return u.MemoryUsage }},
	{metricSwap, func(l *Limits) int { return l.Swap }, func(u *event.Usage) event.Number { return u.SwapUsage }},
	{metricCPUWait, func(l *Limits) int { return l.PressureCPU }, func(u *event.Usage) event.Number { return u.PressureCPU }},
	{metricIOWait, func(l *Limits) int { return l.PressureIO }, func(u *event.Usage) event.Number { return u.PressureIO }},
	{metricMemoryWait, func(l *Limits) int { return l.PressureMemory }, func(u *event.Usage) event.Number { return u.PressureMemory }},
}

func newWatches(l Limits, margin int, sustain time.Duration) *watches {
	w := &watches{limits: l, margin: margin, sustain: sustain, mounted: make(map[string]*watch)}
	for _, h := range hostFigures {
		w.host = append(w.host, hostWatch{newWatch(h.metric, h.limit(&l), margin, sustain), h.figure})
	}
	return w
}

// adjust has the next samples compared with other limits. What is too high already stays so.
func (w *watches) adjust(l Limits, margin int, sustain time.Duration) {
	w.limits, w.margin, w.sustain = l, margin, sustain
	for i, h := range hostFigures {
		w.host[i].adjust(h.limit(&l), margin, sustain)
	}
	for _, x := range w.mounted {
		limit := l.Filesystem
		if x.metric == metricFiles {
			limit = l.Files
		}
		x.adjust(limit, margin, sustain)
	}
}

// look takes a sample into account, and calls report for each figure that is too high by
// now, or has recovered.
func (w *watches) look(s *sample, at clock.Moment, report func(event.Operation, *event.Usage)) {
	w.round++
	for _, h := range w.host {
		figure := h.figure(&s.host)
		if op := h.look(figure, at); op != 0 {
			u := s.host
			h.describe(&u, figure)
			report(op, &u)
		}
	}
	for i := range s.filesystems {
		f := &s.filesystems[i]
		w.lookMounted(f, metricFilesystem, w.limits.Filesystem, f.full(), at, report)
		w.lookMounted(f, metricFiles, w.limits.Files, f.filesUsed(), at, report)
	}
	w.forget(report)
}

func (w *watches) lookMounted(f *filesystem, metric string, limit int, figure event.Number, at clock.Moment, report func(event.Operation, *event.Usage)) {
	key := metric + " " + f.mount
	x := w.mounted[key]
	if x == nil {
		x = newWatch(metric, limit, w.margin, w.sustain)
		w.mounted[key] = x
	}
	x.seen = w.round
	if op := x.look(figure, at); op != 0 {
		u := f.usage()
		x.describe(&u, figure)
		report(op, &u)
	}
}

// forget gives up filesystems that are not mounted any more. Where one had been too full,
// that has come to an end, and its figure is unknown.
func (w *watches) forget(report func(event.Operation, *event.Usage)) {
	for _, key := range slices.Sorted(maps.Keys(w.mounted)) {
		x := w.mounted[key]
		if x.seen == w.round {
			continue
		}
		delete(w.mounted, key)
		if x.state == raised {
			_, mount, _ := strings.Cut(key, " ")
			u := event.Usage{Mount: mount}
			x.describe(&u, 0)
			report(event.OpRecovery, &u)
		}
	}
}
