package network

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"github.com/daemoneye/eventbus/agent/collector/adjust"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

// meter samples what went through each network interface. The first sample is where
// counting begins, and has no events.
//
// One goroutine at a time.
type meter struct {
	read    func() (procfs.NetDev, error)
	pace    *adjust.Pace
	wanted  bool
	before  procfs.NetDev // nil at first
	sampled int64         // monotonic ns of before
}

// never is the pace of what is not wanted.
const never = 24 * time.Hour

// newMeter makes a sampler; an interval of 0 is none. Stop its pace when done.
func newMeter(root string, interval time.Duration) *meter {
	m := &meter{pace: adjust.NewPace(never)}
	m.read = func() (procfs.NetDev, error) {
		fs, err := procfs.NewFS(root)
		if err != nil {
			return nil, err
		}
		return fs.NetDev()
	}
	m.adjust(interval)
	return m
}

// adjust changes the interval; 0 is none.
func (m *meter) adjust(interval time.Duration) {
	if m.wanted = interval > 0; !m.wanted {
		m.before, interval = nil, never
	} else if m.before == nil {
		m.begin()
	}
	m.pace.Set(interval)
}

// begin notes where counting begins, as far as that can be read.
func (m *meter) begin() { m.before, m.sampled = m.counters(), clock.Mono() }

// counters are those of the interfaces, nil where they cannot be read.
func (m *meter) counters() procfs.NetDev {
	all, err := m.read()
	if err != nil {
		return nil
	}
	return all
}

// sample returns what went through each interface since the sample before, in the order of
// their names. One that was idle is left out, and so is one that was not there before.
func (m *meter) sample(at int64) (all []event.Traffic) {
	if !m.wanted {
		return nil
	}
	now := m.counters()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		before, known := m.before[name]
		if !known {
			continue
		}
		x := now[name]
		in := flow(before.RxBytes, x.RxBytes, before.RxPackets, x.RxPackets, before.RxErrors, x.RxErrors, before.RxDropped, x.RxDropped)
		out := flow(before.TxBytes, x.TxBytes, before.TxPackets, x.TxPackets, before.TxErrors, x.TxErrors, before.TxDropped, x.TxDropped)
		if idle(&in) && idle(&out) {
			continue
		}
		all = append(all, event.Traffic{Interface: name, DurationNs: event.Known(uint64(max(at-m.sampled, 0))), In: in, Out: out})
	}
	m.before, m.sampled = now, at
	return all
}

func flow(bytes0, bytes, packets0, packets, errors0, errors, dropped0, dropped uint64) event.Flow {
	return event.Flow{Bytes: since(bytes0, bytes), Packets: since(packets0, packets), Errors: since(errors0, errors), Dropped: since(dropped0, dropped)}
}

// since returns how much a counter has grown. One that has become less began anew, because
// its driver was loaded again or another interface has its name: how much it grew is not
// known then.
func since(before, now uint64) event.Number {
	if now < before {
		return 0
	}
	return event.Known(now - before)
}

// idle reports whether nothing went there, for all that is known.
func idle(f *event.Flow) bool {
	for _, n := range [...]event.Number{f.Bytes, f.Packets, f.Errors, f.Dropped} {
		if n > event.Known(0) {
			return false
		}
	}
	return true
}

// traffic emits a sample of an interface.
func (e *emitter) traffic(x *event.Traffic, at clock.Moment) {
	body := event.Connection{Traffic: *x}
	e.metric(TopicTraffic, &body, at)
}

// sample emits what went through each interface since the sample before.
func (t *tracker) sample() {
	t.meter.pace.Next()
	t.clock.Adjust()
	at := t.clock.Now()
	for _, x := range t.meter.sample(at.MonoNs) {
		t.emitter.traffic(&x, at)
	}
}
