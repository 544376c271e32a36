package agent_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// fullFiles writes a file with all keys and ten of conf.d, in which rest stands besides,
// and returns its path.
func fullFiles(b *testing.B, rest string) string {
	b.Helper()
	dir := b.TempDir()
	var text bytes.Buffer
	err := config.WriteDefault(&text)
	err = errors.Join(err, os.WriteFile(dir+"/config.yaml", text.Bytes(), 0o600), os.Mkdir(dir+"/conf.d", 0o700))
	for i := range 10 {
		err = errors.Join(err, os.WriteFile(fmt.Sprintf("%s/conf.d/%d.yaml", dir, i), text.Bytes(), 0o600))
	}
	err = errors.Join(err, os.WriteFile(dir+"/conf.d/x.yaml", []byte(rest), 0o600))
	if err != nil {
		b.Fatal(err)
	}
	return dir + "/config.yaml"
}

// BenchmarkReload reads a file with all keys and ten of conf.d, and puts it in force.
func BenchmarkReload(b *testing.B) {
	path := fullFiles(b, "")
	a, err := agent.New(agent.Options{
		Logger: slog.New(slog.DiscardHandler),
		Load:   func() (*config.Loaded, error) { return config.Load(config.Sources{File: path}) },
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := a.Reload(b.Context(), "benchmark"); err != nil || len(r.Mistakes) > 0 {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkEventsDuringAReload measures for how long events are held up by a reload of the
// same files that changes limits, the log and the statistics. A message is sent every
// 100 µs over a socket and back into this process, in windows of 20 ms with a reload and
// without one in turn, because the machine itself holds messages up as well: compare the
// two. p99-µs is of all messages of one kind of window; max-µs the median of the windows'
// slowest ones.
func BenchmarkEventsDuringAReload(b *testing.B) {
	s := socketOf(b)
	limits := [2]string{"{max_connections: 80, stats_interval_secs: 20, max_subscriptions: 99", "{max_connections: 81, stats_interval_secs: 21, max_subscriptions: 98"}
	paths := [2]string{}
	for i := range paths {
		paths[i] = fullFiles(b, fmt.Sprintf("broker: %s, socket_path: %s}\nlog: {level: %s}\n", limits[i], s, []string{"warn", "error"}[i]))
	}
	var next atomic.Int32
	r := startOn(b, agent.Options{Config: at(s), Level: new(slog.LevelVar), Load: func() (*config.Loaded, error) {
		return config.Load(config.Sources{File: paths[next.Add(1)%2]})
	}})
	client, err := ipc.Dial(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	const window = 200
	late := make(chan time.Duration, 4*window)
	_, err = client.Subscribe(b.Context(), router.Subscription{Patterns: []string{"events.demo"}, Handler: func(m *router.Message) {
		if m.Gap == nil {
			late <- time.Duration(router.Now() - int64(binary.LittleEndian.Uint64(m.Payload)))
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	publisher, err := client.Publisher("events.demo")
	if err != nil {
		b.Fatal(err)
	}
	var all, slowest [2][]time.Duration // without a reload and with one
	for round := 0; b.Loop(); round++ {
		for with := range all {
			reloaded := make(chan error, 1)
			reloaded <- nil
			worst := time.Duration(0)
			for i := range window {
				if i == window/4 && with == 1 {
					<-reloaded
					go func() { // awaited below
						got, err := r.Reload(b.Context(), "benchmark")
						if err == nil && (len(got.Mistakes) > 0 || len(got.Changes) < 3) {
							err = fmt.Errorf("%+v", got)
						}
						reloaded <- err
					}()
				}
				due := time.Now().Add(100 * time.Microsecond)
				if err := publisher.Publish(binary.LittleEndian.AppendUint64(nil, uint64(router.Now()))); err != nil {
					b.Fatal(err)
				}
				d := <-late
				all[with], worst = append(all[with], d), max(worst, d)
				time.Sleep(time.Until(due))
			}
			slowest[with] = append(slowest[with], worst)
			if err := <-reloaded; err != nil {
				b.Fatal(err)
			}
		}
	}
	for with, name := range []string{"quiet", "reload"} {
		slices.Sort(all[with])
		slices.Sort(slowest[with])
		b.ReportMetric(float64(all[with][len(all[with])*99/100])/1e3, name+"-p99-µs")
		b.ReportMetric(float64(slowest[with][len(slowest[with])/2])/1e3, name+"-max-µs")
	}
}

// socketOf is socket for a benchmark.
func socketOf(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir + "/run/agent.sock"
}

// startOn runs an agent until the benchmark ends, and returns it when it is ready.
func startOn(b *testing.B, o agent.Options) *agent.Agent {
	b.Helper()
	ready, ended := make(chan struct{}), make(chan error, 1)
	o.Ready = func(control.Status) { close(ready) }
	o.Logger = slog.New(slog.DiscardHandler)
	a, err := agent.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- a.Run(ctx) }() // awaited in the clean-up
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	<-ready
	return a
}
