package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/ebpf"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// generate has this test binary start programs instead, as main_test.go does it: so many,
// and so many a second at most, or as fast as it can for 0.
const generate = "PROCESS_TEST_GENERATE"

// generateArgs are the arguments of each program, whose first one is its number.
var generateArgs = []string{"--of", "five arguments", "together with the name", "110 bytes, as a command line has them on average"}

// startPrograms is what the generator does. It returns its exit code.
func startPrograms(spec string) int {
	var n, perSecond int
	if _, err := fmt.Sscanf(spec, "%d/%d", &n, &perSecond); err != nil {
		return 2
	}
	begin := time.Now()
	for i := range n {
		if perSecond > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		}
		if err := exec.Command("/bin/true", append([]string{"n" + strconv.Itoa(i)}, generateArgs...)...).Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Printf("%.0f\n", float64(n)/time.Since(begin).Seconds())
	return 0
}

// outcome is what a source showed of the generator's programs, and what it took.
type outcome struct {
	starts, exits, complete int
	lost                    uint64

	perSecond float64       // programs
	took      time.Duration // for all of them
	spent     time.Duration // processor time of the collector, from the snapshot on
	inside    time.Duration // what programs in the kernel spent, of those that they watch
}

// observe has a source watch the generator, and returns what it saw.
func observe(t testing.TB, mode Mode, n, perSecond int) outcome {
	t.Helper()
	o := Options{Mode: mode}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	source, err := choose(mode, &o)
	if err != nil {
		t.Skip(err)
	}
	defer source.close()
	reader, err := proc.NewReader(o.Host.Root)
	if err != nil {
		t.Fatal(err)
	}
	var (
		marker  = fmt.Sprint("988.", os.Getpid()) // others may run this too
		s       outcome
		program = event.MustField(event.TableProcess, "process.executable")
		args    = event.MustField(event.TableProcess, "process.args")
		above   = event.MustField(event.TableProcess, "process.parent.pid")

		generator atomic.Uint32
	)
	ready, done := make(chan struct{}), make(chan struct{})
	self := uint32(os.Getpid())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // awaited below
		emit := func(m collector.Message) {
			v, err := event.Parse(m.Payload)
			if err != nil {
				t.Error(err)
				return
			}
			if v.Operation() == event.OpGap {
				g, _ := event.Copy[event.Loss](v)
				s.lost += g.Body.Lost
				return
			}
			if v.PID() == self && v.Operation() == event.OpSnapshot {
				close(ready)
			}
			parent, _ := v.Uint(above)
			switch {
			case v.Operation() == event.OpStart && string(v.Item(args, 1)) == marker:
				close(done)
			case generator.Load() == 0 || uint32(parent) != generator.Load():
			case v.Operation() == event.OpStart:
				s.starts++
				if v.Len(args) == 2+len(generateArgs) && string(v.Item(args, v.Len(args)-1)) == generateArgs[len(generateArgs)-1] && v.Text(program) != nil {
					s.complete++
				}
			case v.Operation() == event.OpExit:
				s.exits++
			}
		}
		ended <- source.feed.follow(ctx, newTestTracker(reader, emit, &o))
	}()
	await := func(c chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(2 * patience):
			t.Fatalf("%s did not come", what)
		}
	}
	await(ready, "the snapshot")
	before, begin := storytest.CPUTime(t), time.Now()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d/%d", generate, n, perSecond))
	cmd.Stderr = os.Stderr
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	generator.Store(uint32(cmd.Process.Pid))
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if s.perSecond, err = strconv.ParseFloat(strings.TrimSpace(out.String()), 64); err != nil {
		t.Fatal(err)
	}
	m := exec.Command("/bin/sleep", marker)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	await(done, "the marker")
	s.spent, s.took = storytest.CPUTime(t)-before, time.Since(begin)
	if p, ok := source.feed.(*programs); ok {
		times, err := p.loaded.Times()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range times {
			s.inside += p.Spent
		}
	}
	_ = m.Process.Kill()
	_ = m.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return s
}

// newTestTracker makes a tracker as Run does.
func newTestTracker(r *proc.Reader, emit collector.Emit, o *Options) *tracker {
	return &tracker{table: table{}, reader: r, emitter: newEmitter(emit, o.Host, new(uint64))}
}

// BenchmarkBurst has each source watch a burst of 5,000 programs that end at once. What
// it takes is processor time of the collector without a bus; the kernel's programs have
// their own figure, because they spend their time in the programs that are watched.
func BenchmarkBurst(b *testing.B) {
	const n = 5000
	for _, mode := range []Mode{ModeEBPF, ModeNetlink} {
		b.Run("source="+string(mode), func(b *testing.B) {
			stop, err := ebpf.MeasureTime()
			if err != nil {
				b.Skip(err)
			}
			defer stop()
			for b.Loop() {
				s := observe(b, mode, n, 0)
				b.ReportMetric(s.perSecond, "programs/s")
				b.ReportMetric(float64(n-s.starts), "missed")
				b.ReportMetric(float64(s.complete)/n*100, "%complete")
				b.ReportMetric(float64(s.lost), "lost")
				b.ReportMetric(float64(s.spent.Microseconds())/n, "cpu-µs/program")
				b.ReportMetric(float64(s.spent)/float64(s.took)*100, "%core")
				b.ReportMetric(float64(s.inside.Microseconds())/n, "kernel-µs/program")
			}
		})
	}
}
