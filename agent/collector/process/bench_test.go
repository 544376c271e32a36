package process

import (
	"math"
	"os"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

func benchTracker(b *testing.B) *tracker {
	b.Helper()
	r, err := proc.NewReader("/proc")
	if err != nil {
		b.Fatal(err)
	}
	t := &tracker{
		table:   table{},
		reader:  r,
		emitter: newEmitter(func(collector.Message) {}, host.Host{}, new(uint64)),
	}
	if err := t.compare(event.OpSnapshot, 0); err != nil {
		b.Fatal(err)
	}
	return t
}

// BenchmarkPoll is one look at all processes of this host when nothing has
// changed: what polling costs twice a second.
func BenchmarkPoll(b *testing.B) {
	t := benchTracker(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := t.compare(event.OpStart, event.TimeApproximate); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(t.table)), "ns/process")
	b.ReportMetric(float64(len(t.table)), "processes")
}

// BenchmarkReports applies reports of the kernel: a fork and an exit without a
// look at /proc between them, and an exec, which reads all about a process.
func BenchmarkReports(b *testing.B) {
	pid, child := uint32(os.Getpid()), uint32(1<<22)
	b.Run("report=fork+exit", func(b *testing.B) {
		t := benchTracker(b)
		b.ReportAllocs()
		for b.Loop() {
			now := clock.Mono()
			t.apply(&report{what: whatFork, thread: child, pid: child, parent: pid, timeNs: now})
			t.apply(&report{what: whatExit, thread: child, pid: child, timeNs: now})
		}
	})
	b.Run("report=exec", func(b *testing.B) {
		t := benchTracker(b)
		ahead := newLookahead(t.reader)
		b.ReportAllocs()
		for b.Loop() {
			ahead.add(&report{what: whatExec, thread: pid, pid: pid, timeNs: clock.Mono()})
			ahead.release(math.MaxInt64, t.apply)
		}
	})
	b.Run("report=parse", func(b *testing.B) {
		m := appendReport(nil, report{what: whatExec, thread: pid, pid: pid})
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := nextReport(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
