package performance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

func TestRates(t *testing.T) {
	second := event.Known(uint64(time.Second))
	before := &reading{
		monoNs: 1, cpuBusy: event.Known(100), cpuAll: event.Known(1000),
		disks:      map[string]disk{"vda": {readBytes: 100, writtenBytes: 50, busyMs: 10, whole: true}, "dm-0": {readBytes: 100}, "gone": {whole: true}},
		interfaces: map[string]iface{"eth0": {receivedBytes: 10, sentBytes: 20, outward: true}, "br0": {receivedBytes: 1}},
	}
	tests := []struct {
		name             string
		before           *reading
		change           func(*reading)
		host             event.Usage
		disks, ifs       []event.Usage
		withoutDiskOfOwn bool
	}{
		{
			name: "the first sample has no rates", before: nil,
			disks: []event.Usage{{Disk: "dm-0"}, {Disk: "vda"}}, ifs: []event.Usage{{Interface: "br0"}, {Interface: "eth0"}},
		},
		{
			name: "counters that grew", before: before,
			host: event.Usage{
				SampleNs: second, CPU: event.Known(250_000), DiskRead: event.Known(900), DiskWritten: event.Known(0), Received: event.Known(5), Sent: event.Known(0),
			},
			disks: []event.Usage{
				{Disk: "dm-0", SampleNs: second, DiskRead: event.Known(900), DiskWritten: event.Known(0), DiskBusy: event.Known(0)},
				{Disk: "vda", SampleNs: second, DiskRead: event.Known(900), DiskWritten: event.Known(0), DiskBusy: event.Known(490_000)},
			},
			ifs: []event.Usage{
				{Interface: "br0", SampleNs: second, Received: event.Known(0), Sent: event.Known(0), ReceiveErrors: event.Known(0), SendErrors: event.Known(0), ReceiveDropped: event.Known(0), SendDropped: event.Known(0)},
				{Interface: "eth0", SampleNs: second, Received: event.Known(5), Sent: event.Known(0), ReceiveErrors: event.Known(0), SendErrors: event.Known(0), ReceiveDropped: event.Known(0), SendDropped: event.Known(0)},
			},
		},
		{
			name: "counters that went backwards, and a disk that was busy for longer than there was time", before: before,
			change: func(n *reading) {
				n.cpuAll = event.Known(999)
				n.disks["vda"] = disk{readBytes: 99, writtenBytes: 60, busyMs: 5000, whole: true}
				delete(n.disks, "dm-0")
				n.interfaces = map[string]iface{"eth1": {receivedBytes: 7, outward: true}}
			},
			host:  event.Usage{SampleNs: second, DiskWritten: event.Known(10)},
			disks: []event.Usage{{Disk: "vda", SampleNs: second, DiskWritten: event.Known(10), DiskBusy: event.Known(1_000_000)}},
			ifs:   []event.Usage{{Interface: "eth1", SampleNs: second}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := &reading{
				monoNs: 1 + int64(time.Second), cpuBusy: event.Known(150), cpuAll: event.Known(1200),
				disks:      map[string]disk{"vda": {readBytes: 1000, writtenBytes: 50, busyMs: 500, whole: true}, "dm-0": {readBytes: 1000}},
				interfaces: map[string]iface{"eth0": {receivedBytes: 15, sentBytes: 20, outward: true}, "br0": {receivedBytes: 1}},
			}
			if tt.change != nil {
				tt.change(now)
			}
			s := compare(tt.before, now, 0)
			for what, diff := range map[string]string{
				"host": cmp.Diff(tt.host, s.host), "disks": cmp.Diff(tt.disks, s.disks), "interfaces": cmp.Diff(tt.ifs, s.interfaces),
			} {
				if diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

func TestTopProcesses(t *testing.T) {
	before := &reading{monoNs: 1, processes: map[uint32]process{
		1: {startTicks: 1, cpuTicks: 100, rssBytes: 10}, 2: {startTicks: 2, cpuTicks: 1000, rssBytes: 500}, 3: {startTicks: 3, cpuTicks: 50},
	}}
	now := &reading{monoNs: 1 + int64(time.Second), processes: map[uint32]process{
		1: {startTicks: 1, cpuTicks: 125, rssBytes: 10, threads: 2}, // a quarter of a processor
		2: {startTicks: 2, cpuTicks: 1000, rssBytes: 500},           // idle and large
		3: {startTicks: 9, cpuTicks: 50, rssBytes: 20},              // another process with the same pid
		4: {startTicks: 10, cpuTicks: 10, rssBytes: 30},             // a new one
		5: {startTicks: 11},                                         // it takes nothing
	}}
	type row struct {
		pid      uint32
		cpu, rss event.Number
	}
	top := func(n int) (rows []row) {
		for _, r := range compare(before, now, n).processes {
			rows = append(rows, row{r.pid, r.usage.ProcessCPU, r.usage.ProcessRSS})
		}
		return rows
	}
	third, first := row{3, event.Known(500_000), event.Known(20)}, row{1, event.Known(250_000), event.Known(10)}
	fourth, second := row{4, event.Known(100_000), event.Known(30)}, row{2, event.Known(0), event.Known(500)}
	for n, want := range map[int][]row{0: nil, 1: {third, second}, 2: {third, first, second, fourth}, 50: {third, first, fourth, second}} {
		if diff := cmp.Diff(want, top(n), cmp.AllowUnexported(row{})); diff != "" {
			t.Errorf("top %d (-want +got):\n%s", n, diff)
		}
	}
	if got := compare(nil, now, 5).processes; got != nil {
		t.Errorf("the first sample names %v", got)
	}
}
