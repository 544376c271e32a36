package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// connecting has this test binary connect to itself instead, as TestMain does it: so many
// times, and so many a second.
const connecting = "NETWORK_TEST_CONNECT"

// Connect is what the generator does. It prints the port, and how many connections a second
// there were. It returns its exit code.
func Connect(spec string) int {
	var n, perSecond int
	if _, err := fmt.Sscanf(spec, "%d/%d", &n, &perSecond); err != nil {
		return 2
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return 1
		}
		server, err := l.Accept()
		if err != nil {
			return 1
		}
		client.Close()
		server.Close()
	}
	fmt.Printf("%d %.0f\n", l.Addr().(*net.TCPAddr).Port, float64(n)/time.Since(begin).Seconds())
	return 0
}

// BenchmarkConnections has each source watch connections over loopback that are closed at
// once, 1,000 a second. What it takes is processor time of the collector without a bus; the
// kernel's program has its own figure, because it spends its time in those who connect.
func BenchmarkConnections(b *testing.B) {
	const n, perSecond = 5000, 1000
	for _, mode := range []Mode{ModeEBPF, ModeDiag} {
		b.Run("source="+string(mode), func(b *testing.B) {
			stop, err := ebpf.MeasureTime()
			if err != nil {
				b.Skip(err)
			}
			defer stop()
			for b.Loop() {
				observe(b, mode, n, perSecond)
			}
		})
	}
}

func observe(b *testing.B, mode Mode, n, perSecond int) {
	c, err := New(Options{Mode: mode})
	if err != nil {
		b.Skip(err)
	}
	o, err := c.open(mode)
	if err != nil {
		b.Fatal(err)
	}
	defer o.close()
	s := o.source
	var generator atomic.Uint32
	type figures struct{ opened, closed, right int }
	byPort := make(map[uint16]*figures) // others connect to others
	var lost uint64
	snapshot := make(chan struct{}, 1)
	count := func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			b.Error(err)
		}
		if g, ok := event.Copy[event.Loss](v); ok {
			lost += g.Body.Lost
			return
		}
		if v.Operation() == event.OpSnapshot {
			select {
			case snapshot <- struct{}{}:
			default:
			}
			return
		}
		e, _ := event.Copy[event.Connection](v)
		f := byPort[e.Body.Destination.Port]
		if f == nil {
			f = &figures{}
			byPort[e.Body.Destination.Port] = f
		}
		switch {
		case e.Body.Direction == 0:
		case e.Operation == event.OpClose:
			f.closed++
		default:
			f.opened++
			if e.PID == generator.Load() {
				f.right++
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // so that there is a snapshot
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	m := newMeter(c.options.Host.Root, 0)
	defer m.pace.Stop()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	t := &tracker{
		lister: o.diag, owners: &owners{c.options.Host.Root, c.reader}, finder: actor.NewFinder(c.reader),
		emitter: newEmitter(count, c.options.Host, new(uint64)), table: make(map[uint64]*conn), ports: make(map[port][]*conn), gone: make(map[uint64]uint64),
		door: c.door, interval: DefaultInterval, meter: m,
	}
	go func() { ended <- s.follow(ctx, t) }() // awaited below
	<-snapshot
	before, begin := storytest.CPUTime(b), time.Now()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/%d", connecting, n, perSecond))
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	generator.Store(uint32(cmd.Process.Pid))
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	if err := c.door.Through(ctx, func(*tracker) error { return nil }); err != nil {
		b.Fatal(err)
	}
	time.Sleep(10 * ebpf.Latency) // a figure, and no assertion
	spent, took := storytest.CPUTime(b)-before, time.Since(begin)
	inside := time.Duration(0)
	if p, ok := s.(*programs); ok {
		times, err := p.loaded.Times()
		if err != nil {
			b.Fatal(err)
		}
		for _, x := range times {
			inside += x.Spent
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	var p uint16
	var rate float64
	if _, err := fmt.Sscan(out.String(), &p, &rate); err != nil {
		b.Fatal(err)
	}
	f := byPort[p]
	if f == nil {
		b.Fatal("nothing of it was seen")
	}
	b.ReportMetric(rate, "connections/s")
	b.ReportMetric(float64(f.opened)/float64(n), "opened/connection")
	b.ReportMetric(float64(f.closed)/float64(n), "closed/connection")
	b.ReportMetric(float64(f.right)/float64(2*n)*100, "%by-its-process")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/connection")
	b.ReportMetric(float64(spent)/float64(took)*100, "%core")
	b.ReportMetric(float64(inside.Nanoseconds())/float64(n), "kernel-ns/connection")
}
