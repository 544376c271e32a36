package network

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"

	"github.com/daemoneye/eventbus/agent/event"
)

// text is a sample as a line: unknown figures are ?.
func text(all []event.Traffic) string {
	var lines []string
	for _, x := range all {
		line := x.Interface
		for _, f := range []event.Flow{x.In, x.Out} {
			for _, n := range []event.Number{f.Bytes, f.Packets, f.Errors, f.Dropped} {
				if v, ok := n.Get(); ok {
					line += fmt.Sprint(" ", v)
				} else {
					line += " ?"
				}
			}
		}
		d, _ := x.DurationNs.Get()
		lines = append(lines, fmt.Sprintf("%s in %d", line, d))
	}
	return strings.Join(lines, "; ")
}

func TestWhatWentThroughAnInterface(t *testing.T) {
	var now procfs.NetDev
	var failed error
	x := newMeter(t.TempDir(), 0)
	defer x.pace.Stop()
	x.read = func() (procfs.NetDev, error) { return now, failed }
	if got := x.sample(0); got != nil {
		t.Errorf("not wanted, and sampled: %s", text(got))
	}
	line := func(rx, tx uint64) procfs.NetDevLine {
		return procfs.NetDevLine{RxBytes: 100 * rx, RxPackets: rx, RxErrors: 1, TxBytes: 100 * tx, TxPackets: tx, TxDropped: tx}
	}
	now = procfs.NetDev{"eth0": line(10, 5), "lo": line(7, 7)}
	x.adjust(1)
	x.sampled = 1000
	for _, tt := range []struct {
		what string
		now  procfs.NetDev
		err  error
		want string
	}{
		{"traffic, and an interface that is idle", procfs.NetDev{"eth0": line(12, 6), "lo": line(7, 7)}, nil, "eth0 200 2 0 0 100 1 0 1 in 10"},
		{"a new interface", procfs.NetDev{"eth0": line(12, 6), "lo": line(8, 8), "wg0": line(1, 1)}, nil, "lo 100 1 0 0 100 1 0 1 in 10"},
		{"counters that begin anew", procfs.NetDev{"eth0": line(3, 7), "wg0": line(1, 1)}, nil, "eth0 ? ? 0 0 100 1 0 1 in 10"},
		{"and go on", procfs.NetDev{"eth0": line(4, 7), "wg0": line(1, 1)}, nil, "eth0 100 1 0 0 0 0 0 0 in 10"},
		{"an interface that comes back", procfs.NetDev{"eth0": line(4, 7), "lo": line(9, 9)}, nil, ""},
		{"nothing to be read", nil, errors.New("no procfs"), ""},
		{"counting begins again", procfs.NetDev{"eth0": line(9, 9)}, nil, ""},
	} {
		now, failed = tt.now, tt.err
		if got := text(x.sample(x.sampled + 10)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

// TestTheTrafficOfAnInterfaceIsAnEvent without an actor.
func TestTheTrafficOfAnInterfaceIsAnEvent(t *testing.T) {
	f := newFixture(t)
	f.emitter.traffic(&event.Traffic{Interface: "eth0", In: event.Flow{Bytes: event.Known(7)}}, f.clock.Now())
	if diff := cmp.Diff([]string{"sample  0 > 0"}, f.events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	x := newMeter("/proc", 1)
	defer x.pace.Stop()
	if x.before == nil {
		t.Skip("no interfaces in /proc/net/dev")
	}
}
