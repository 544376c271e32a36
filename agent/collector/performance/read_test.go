package performance

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daemoneye/eventbus/agent/event"
)

func TestAReadingHasWhatTheFilesSay(t *testing.T) {
	got := newMachine(t).reader().read(false)
	ratio := func(percent float64) event.Number { return event.Known(uint64(percent * 1e4)) }
	fs := func(mount string) filesystem {
		return filesystem{mount: mount, bytes: space{event.Known(1000), event.Known(600)}, available: event.Known(200), files: event.Known(10), filesFree: event.Known(4)}
	}
	want := &reading{
		cpuBusy: event.Known(170), cpuAll: event.Known(1010), // 30 of the 100 belong to guests and are not counted twice
		load:   [3]event.Number{event.Known(500_000), event.Known(1_250_000), event.Known(2_000_000)},
		memory: space{event.Known(1000 << 10), event.Known(750 << 10)}, swap: space{event.Known(0), event.Known(0)},
		pressure: pressure{cpu: ratio(12.5), io: ratio(1), memory: ratio(0), fullIO: ratio(0.5), fullMemory: ratio(0)},
		disks: map[string]disk{
			"vda":  {readBytes: 4096, writtenBytes: 8192, busyMs: 7, whole: true},
			"dm-0": {readBytes: 4096, writtenBytes: 8192, busyMs: 7},
		},
		interfaces: map[string]iface{
			"eth0": {receivedBytes: 1000, sentBytes: 500, receiveErrors: 1, sendErrors: 3, receiveDropped: 2, sendDropped: 4, outward: true},
			"br0":  {receivedBytes: 70, sentBytes: 70},
		},
		filesystems: []filesystem{fs("/"), fs("/mnt/a b")},
	}
	all := cmp.AllowUnexported(reading{}, space{}, pressure{}, disk{}, iface{}, filesystem{}, process{})
	if diff := cmp.Diff(want, got, all, cmpopts.IgnoreFields(reading{}, "monoNs")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.monoNs == 0 {
		t.Error("the reading has no time")
	}
}

// TestWhatIsNotThereIsUnknown: a file that is absent, empty or nonsense makes its own
// figures unknown, and no others.
func TestWhatIsNotThereIsUnknown(t *testing.T) {
	for file, name := range map[string]string{
		"stat": "processors", "meminfo": "memory", "loadavg": "load", "pressure": "pressure", "diskstats": "disks", "net": "interfaces",
		"self": "filesystems",
	} {
		m := newMachine(t)
		m.remove(file)
		if diff := cmp.Diff([]string{name}, m.reader().missing()); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", file, diff)
		}
	}
	for file, name := range map[string]string{
		"stat": "processors", "meminfo": "memory", "loadavg": "load", "net/dev": "interfaces", "self/mountinfo": "filesystems",
	} {
		for _, content := range []string{"", "nonsense\n", "cpu  x y z\n", "\x00\xff"} {
			m := newMachine(t)
			m.write(m.proc, file, content)
			missing := m.reader().missing()
			if name == "interfaces" && len(missing) == 0 { // an empty list of interfaces is one as well
				continue
			}
			if diff := cmp.Diff([]string{name}, missing); diff != "" {
				t.Errorf("%s of %q (-want +got):\n%s", file, content, diff)
			}
		}
	}
	if missing := newMachine(t).reader().missing(); missing != nil {
		t.Errorf("of all files %v is missing", missing)
	}
}

func TestMemoryOfAKernelThatDoesNotSayWhatIsAvailable(t *testing.T) {
	m := newMachine(t)
	m.write(m.proc, "meminfo", "MemTotal:  1000 kB\nMemFree:  100 kB\n")
	n := m.reader().read(false)
	if want := (space{total: event.Known(1000 << 10)}); n.memory != want || n.swap != (space{}) || n.memory.usage() != 0 {
		t.Errorf("memory %+v, swap %+v", n.memory, n.swap)
	}
}

// TestDisksWithoutSysfs: what lies on another disk is known by its name then.
func TestDisksWithoutSysfs(t *testing.T) {
	m := newMachine(t)
	m.sys = "/nowhere"
	got := map[string]bool{}
	for name, d := range m.reader().disks() {
		got[name] = d.whole
	}
	if diff := cmp.Diff(map[string]bool{"vda": true, "vda1": true, "dm-0": false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", `/a\040b`: "/a b", `/\134x`: `/\x`, `/a\012`: "/a\n", `/a\0`: `/a\0`, `/a\999`: `/a\999`, `\040`: " ",
	} {
		if got := unescape(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestFilesystemsThatSayNothing(t *testing.T) {
	for name, f := range map[string]filesystem{
		"no figures":               {},
		"no blocks":                {bytes: space{event.Known(0), event.Known(0)}, available: event.Known(0)},
		"files made as needed":     {files: event.Known(5), filesFree: event.Known(9)},
		"no room for files at all": {files: event.Known(0), filesFree: event.Known(0)},
	} {
		if f.full() != 0 || f.filesUsed() != 0 {
			t.Errorf("%s: %d full, files %d; want both unknown", name, f.full(), f.filesUsed())
		}
	}
}
