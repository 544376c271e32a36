package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/procstat"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// startAgent runs an agent as a process of its own, and returns its socket and how long it
// took to be ready.
func startAgent(tb testing.TB, args ...string) (socket string, ready time.Duration, stop func()) {
	tb.Helper()
	socket = filepath.Join(tb.TempDir(), "run", "agent.sock")
	cmd := exec.Command("daemoneye-agent", append([]string{"run", "--config", cli.NoFile, "--socket", socket}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Skipf("the program cannot be started: %v", err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(unix.SIGTERM) // it may have ended
			_ = cmd.Wait()
		}
	}
	tb.Cleanup(stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready") {
			return socket, time.Since(began), stop
		}
	}
	tb.Fatal("the agent ended before it was ready")
	return
}

// BenchmarkCommands measures what an operator waits for: a whole process each, of the test
// program, which is larger than the real one.
func BenchmarkCommands(b *testing.B) {
	socket, _, _ := startAgent(b, "--collectors", "process")
	for name, args := range map[string][]string{
		"status": {"status", "--socket", socket}, "config-check": {"config", "check"}, "version": {"version"},
	} {
		b.Run("command="+name, func(b *testing.B) {
			for b.Loop() {
				err := exec.Command("daemoneye-agent", args...).Run()
				var ended *exec.ExitError
				if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == cli.ExitDegraded) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart measures from the start of the process until its collector has
// registered.
func BenchmarkStart(b *testing.B) {
	sum := time.Duration(0)
	for b.Loop() {
		_, ready, stop := startAgent(b, "--collectors", "process")
		stop()
		sum += ready
	}
	b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "ready-ms")
}

// BenchmarkIdle measures what the agent and its process collector take while nobody but
// the benchmark asks them, once at each end. Programs that others start on this machine
// meanwhile are events, and so count.
func BenchmarkIdle(b *testing.B) {
	socket, _, _ := startAgent(b, "--collectors", "process")
	ask := func() (s control.Status) {
		out, _ := exec.CommandContext(context.Background(), "daemoneye-agent", "status", "--json", "--socket", socket).Output() // it may be degraded
		if err := json.Unmarshal(out, &s); err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := ask()
	pids := []int{s.PID, s.Collectors[0].PID}
	var samplers []*procstat.Sampler
	for _, pid := range pids {
		x, err := procstat.New(pid)
		if err == nil {
			_, err = x.Sample(time.Now())
		}
		if err != nil {
			b.Fatal(err)
		}
		samplers = append(samplers, x)
	}
	events := s.Broker.Published
	for b.Loop() {
		time.Sleep(10 * time.Second) // what is measured
	}
	cpu, rss := 0.0, uint64(0)
	for _, x := range samplers {
		u, err := x.Sample(time.Now())
		if err != nil || u.CPUCore == nil || u.ResidentBytes == nil {
			b.Fatalf("not measured: %v", err)
		}
		cpu += 100 * *u.CPUCore
		rss += *u.ResidentBytes
	}
	b.ReportMetric(cpu, "core-%")
	b.ReportMetric(float64(rss)/(1<<20), "rss-MiB")
	b.ReportMetric(float64(ask().Broker.Published-events), "messages")
}
