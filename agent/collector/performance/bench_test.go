package performance

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
)

// BenchmarkSample is one sample of this host, with ten processes: what the collector costs
// at each interval.
func BenchmarkSample(b *testing.B) {
	r, err := newReader("/proc", "/sys")
	if err != nil {
		b.Fatal(err)
	}
	events := 0
	s := &round{
		reader: r, emitter: newEmitter(func(collector.Message) { events++ }, host.Host{}.Complete(), r, new(uint64)), top: 5, watches: newWatches(Limits{}, 0, 0),
	}
	s.next()
	b.ReportAllocs()
	for b.Loop() {
		s.next()
	}
	b.ReportMetric(float64(events)/float64(b.N+1), "events/op")
	b.ReportMetric(float64(len(s.before.processes)), "processes")
}
