package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// typical is an alert of about 830 bytes of event and a context of five more.
func typical(n int) *alert.Alert {
	e := json.RawMessage(`{"process":{"pid":` + fmt.Sprint(n) + `,"command_line":"` + strings.Repeat("x", 800) + `"}}`)
	return &alert.Alert{Rule: alert.Rule{ID: "r", Title: fmt.Sprint("rule ", n%50), Level: alert.High}, Event: e, Host: alert.Host{Name: "web1"}}
}

// BenchmarkDurable is how many alerts a second are raised, that is on the disk: one at a
// time, where each waits for the one before, and as many as come. What would make it unfair
// is another file system than that of the data directory: the disk's own figure, an append
// of the same size with fdatasync, is measured in the same run, in the same directory.
func BenchmarkDurable(b *testing.B) {
	b.Run("disk=fdatasync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "f"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		line := make([]byte, 1200)
		for b.Loop() {
			if _, err := f.Write(line); err != nil {
				b.Fatal(err)
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
	})
	for _, window := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint("alerts=", window), func(b *testing.B) {
			raised := make(chan struct{}, 1<<20)
			s, err := store.Open(context.Background(), store.Options{
				Dir: b.TempDir(), Log: discard, Limits: store.Limits{Burst: -1, MaxBytes: 1 << 30, MemoryBytes: 1 << 30},
				OnRaised: func(alert.Record) { raised <- struct{}{} },
			})
			if err != nil {
				b.Fatal(err)
			}
			flying, n := 0, 0
			for b.Loop() {
				s.Submit(typical(n))
				n++
				if flying++; flying == window {
					<-raised
					flying--
				}
			}
			for ; flying > 0; flying-- {
				<-raised
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "alerts/s")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			if s.Stats().Dropped > 0 {
				b.Error("alerts were dropped")
			}
		})
	}
}

// BenchmarkSubmitRepeat is what an event costs that is a repeat.
func BenchmarkSubmitRepeat(b *testing.B) {
	s, err := store.Open(context.Background(), store.Options{Dir: b.TempDir(), Log: discard})
	if err != nil {
		b.Fatal(err)
	}
	a := sample("a", "key")
	b.ReportAllocs()
	for b.Loop() {
		s.Submit(a)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOpen opens a full store of 64 MiB: with its index, as after an orderly end or a
// kill, and without, so that it is made again. anon-MiB is what the process holds in
// anonymous memory afterwards.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "data")
	o := store.Options{Dir: dir, Log: discard, Limits: store.Limits{Burst: -1, MemoryBytes: 1 << 30}}
	s, err := store.Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; s.Stats().Bytes < 60<<20; n++ {
		for range 1000 {
			s.Submit(typical(n))
		}
		last := s.Stats().Last
		for s.Stats().WaitingSize > 1<<20 && s.Stats().Last == last {
			runtime.Gosched()
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for _, with := range []bool{true, false} {
		b.Run(fmt.Sprint("index=", with), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if !with {
					if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
						b.Fatal(err)
					}
				}
				runtime.GC()
				b.StartTimer()
				s, err := store.Open(context.Background(), o)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(s.Stats().Alerts), "alerts")
				b.ReportMetric(anonymous(b), "anon-MiB")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// anonymous is the anonymous memory of this process in MiB.
func anonymous(b *testing.B) float64 {
	b.Helper()
	p, err := procfs.Self()
	if err != nil {
		b.Fatal(err)
	}
	s, err := p.NewStatus()
	if err != nil {
		b.Fatal(err)
	}
	return float64(s.RssAnon) / (1 << 20)
}
