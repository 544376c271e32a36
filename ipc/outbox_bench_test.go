package ipc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// BenchmarkOutbox publishes to nobody, so that it measures the publisher's half and the
// broker's reading: as fast as it can be, and at even distances, where batches do not fill
// up soon. It reports the processor time of the whole process for a message; the distances
// are passed in a loop that looks at the clock, which is part of it.
func BenchmarkOutbox(b *testing.B) {
	for _, every := range []time.Duration{0, time.Microsecond} {
		b.Run(fmt.Sprintf("every=%s", every), func(b *testing.B) {
			s := start(b, router.Options{}, ipc.Options{})
			c := s.dial(b, ipc.ClientOptions{})
			out := publisher(b, c, "events.a")
			payload := make([]byte, 128)
			writes := ipc.Writes(c)
			cpu := cpuTime(b)
			next := frame.Now()
			n := 0
			for b.Loop() {
				if every > 0 {
					for next += int64(every); frame.Now() < next; {
					}
				}
				if err := out.Publish(payload); err != nil {
					b.Fatal(err)
				}
				n++
			}
			flush(b, c)
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(n), "cpu-ns/msg")
			b.ReportMetric(float64(n)/float64(ipc.Writes(c)-writes), "msg/write")
		})
	}
}

// BenchmarkBurst publishes messages in bursts, of 10,000 a second together, and reports the
// median of their time to a subscriber, and how many writes one takes.
func BenchmarkBurst(b *testing.B) {
	for _, burst := range []int{1, 3, 10, 20} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) {
			s := start(b, router.Options{}, ipc.Options{})
			c := s.dial(b, ipc.ClientOptions{})
			var latency []int64
			done := make(chan struct{})
			subscribe(b, s.dial(b, ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
				if latency = append(latency, frame.Now()-m.Published()); len(latency)%burst == 0 {
					done <- struct{}{}
				}
			}})
			out := publisher(b, c, "events.a")
			payload := make([]byte, 128)
			writes := ipc.Writes(c)
			for b.Loop() {
				time.Sleep(time.Duration(burst) * 100 * time.Microsecond)
				for range burst {
					if err := out.Publish(payload); err != nil {
						b.Fatal(err)
					}
				}
				<-done
			}
			slices.Sort(latency)
			b.ReportMetric(float64(latency[len(latency)/2]), "p50-ns")
			b.ReportMetric(float64(ipc.Writes(c)-writes)/float64(len(latency)), "write/msg")
		})
	}
}

// cpuTime returns the processor time of this process in ns.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime)
}
