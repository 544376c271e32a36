package process

import (
	"math"
	"os"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/connector"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
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
			t.apply(&report.Report{Kind: report.Fork, Thread: child, PID: child, Parent: pid, TimeNs: now})
			t.apply(&report.Report{Kind: report.Exit, Thread: child, PID: child, TimeNs: now})
		}
	})
	b.Run("report=exec", func(b *testing.B) {
		t := benchTracker(b)
		ahead := connector.NewLookahead(t.reader)
		b.ReportAllocs()
		for b.Loop() {
			ahead.Add(&report.Report{Kind: report.Exec, Thread: pid, PID: pid, TimeNs: clock.Mono()})
			ahead.Release(math.MaxInt64, t.apply)
		}
	})
}
