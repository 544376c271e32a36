package performance_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/performance"
	"github.com/daemoneye/eventbus/agent/event"
)

// run runs a collector until seen returns true, and returns all of its events.
func run(t *testing.T, o performance.Options, seen func(topic string, e event.Performance) bool) {
	t.Helper()
	c, err := performance.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	found := false
	sequence := uint64(0)
	err = c.Run(ctx, func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Errorf("%s: %v", m.Topic, err)
			return
		}
		if sequence++; v.Sequence() != sequence {
			t.Errorf("sequence %d, want %d", v.Sequence(), sequence)
		}
		e, ok := event.Copy[event.Usage](v)
		if !ok || m.EventType != "performance" {
			t.Errorf("%s: type %v, %q", m.Topic, v.Type(), m.EventType)
			return
		}
		if !found && seen(m.Topic, e) {
			found = true
			cancel()
		}
	})
	if err != nil || !found {
		t.Fatalf("not seen: %v", err)
	}
}

// TestTheHostIsMeasured against the real kernel: two samples of all that this host has.
func TestTheHostIsMeasured(t *testing.T) {
	samples := 0
	run(t, performance.Options{Interval: performance.MinInterval}, func(topic string, e event.Performance) bool {
		u := e.Body
		if topic != performance.TopicUtilization || e.PID != 0 {
			return false
		}
		samples++
		total, ok := u.MemoryTotal.Get()
		used, known := u.MemoryUsed.Get()
		if !ok || !known || used == 0 || used >= total {
			t.Errorf("memory %d of %d", used, total)
		}
		if _, ok := u.Load1.Get(); !ok {
			t.Error("no load")
		}
		cpu, known := u.CPU.Get()
		if known != (samples > 1) || known && cpu > 1e6 {
			t.Errorf("sample %d: use of processors is %d, known %v", samples, cpu, known)
		}
		_, known = u.SampleNs.Get()
		if known != (samples > 1) {
			t.Errorf("sample %d: whether its length is known is %v", samples, known)
		}
		return samples == 2
	})
}

// TestABurnerIsNamed: a process that takes a processor is seen, with who it is.
func TestABurnerIsNamed(t *testing.T) {
	burner := exec.Command("/bin/sh", "-c", "while :; do :; done")
	if err := burner.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = burner.Process.Kill(); _ = burner.Wait() })
	run(t, performance.Options{Interval: performance.MinInterval, Top: performance.MaxTop}, func(topic string, e event.Performance) bool {
		if e.PID != uint32(burner.Process.Pid) {
			return false
		}
		cpu, ok := e.Body.ProcessCPU.Get()
		if !ok || cpu == 0 {
			return false // it did not get a processor this time
		}
		if topic != performance.TopicUtilization || !strings.HasPrefix(e.CommandLine, "/bin/sh\x00-c\x00while") || e.PPID != uint32(os.Getpid()) || e.StartTicks == 0 {
			t.Errorf("%s: %+v", topic, e)
		}
		if rss, ok := e.Body.ProcessRSS.Get(); !ok || rss == 0 {
			t.Errorf("it takes %d bytes, known %v", rss, ok)
		}
		return true
	})
}

// TestAFilesystemIsMeasuredAndTooFull: a limit of 1 % is passed by the one that we are on,
// if it has a block device.
func TestAFilesystemIsMeasuredAndTooFull(t *testing.T) {
	c, err := performance.New(performance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.Describe(), "filesystems") {
		t.Skip("no filesystem here has a block device:", c.Describe())
	}
	measured := ""
	run(t, performance.Options{Interval: performance.MinInterval, Limits: performance.Limits{Filesystem: 1}}, func(topic string, e event.Performance) bool {
		u := e.Body
		size, ok := u.FilesystemSize.Get()
		if u.Mount == "" || !ok || size == 0 {
			return false
		}
		if topic == performance.TopicSystem {
			measured = u.Mount
			full, ok := u.FilesystemFull.Get()
			return ok && full < 10_000 // nearly empty: there will be no anomaly
		}
		if topic != performance.TopicAnomaly || e.Operation != event.OpAnomaly || measured == "" || u.SinceNs != e.WallNs {
			t.Errorf("%s: %+v", topic, e)
		}
		return true
	})
}

func TestOptionsOutOfBounds(t *testing.T) {
	tests := []struct {
		name string
		in   performance.Options
		want string
	}{
		{"an interval that is too short", performance.Options{Interval: 1}, "interval 1ns"},
		{"an interval that is too long", performance.Options{Interval: 2 * time.Hour}, "interval 2h"},
		{"too many processes", performance.Options{Top: 51}, "51 top processes"},
		{"less than none", performance.Options{Top: -1}, "-1 top processes"},
		{"a negative time", performance.Options{Sustain: -1}, "sustain"},
		{"more than all", performance.Options{Limits: performance.Limits{Memory: 101}}, "101 percent"},
		{"a negative margin", performance.Options{Hysteresis: -1}, "-1 percent"},
		{"no procfs there", performance.Options{Host: host.Host{Root: "/nowhere"}}, "procfs at /nowhere"},
	}
	for _, tt := range tests {
		if _, err := performance.New(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one about %s", tt.name, err, tt.want)
		}
	}
}

func TestDescribeNamesWhatIsNotToBeHad(t *testing.T) {
	root := t.TempDir()
	c, err := performance.New(performance.Options{Host: host.Host{Root: root}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "procfs every 10s; not to be had here: processors, memory, load, pressure, disks, interfaces, filesystems"
	if got := c.Describe(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
