package filesystem_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// touching has this test binary touch files instead, as TestMain does it: so many, so many
// a second or as fast as it can for 0, in a directory.
const touching = "FILESYSTEM_TEST_TOUCH"

// touchFiles is what the generator does. It prints how many files a second there were, and
// returns its exit code.
func touchFiles(spec string) int {
	var n, perSecond int
	var dir string
	if _, err := fmt.Sscanf(spec, "%d %d %s", &n, &perSecond, &dir); err != nil {
		return 2
	}
	begin := time.Now()
	for i := range n {
		if perSecond > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		}
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint("file-", i)), os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Printf("%.0f\n", float64(n)/time.Since(begin).Seconds())
	return 0
}

// BenchmarkFiles has each source watch a directory in which another program touches 20,000
// new files. What it takes is processor time of the collector without a bus, as a share of a
// core for the time from the first file to the event of the last one. A name that has no
// event although nothing was announced as lost is missing.
func BenchmarkFiles(b *testing.B) {
	const n = 20_000
	for _, mode := range []filesystem.Mode{filesystem.ModeFanotify, filesystem.ModeInotify} {
		for _, perSecond := range []int{1000, 0} {
			b.Run(fmt.Sprintf("source=%s/rate=%d", mode, perSecond), func(b *testing.B) {
				for b.Loop() {
					measureFiles(b, mode, n, perSecond)
				}
			})
		}
	}
}

// counted are the events of the generator's files. Safe for concurrent use.
type counted struct {
	mu    sync.Mutex
	names map[string]int // creates; guarded by mu
	gaps  int            // guarded by mu
	ready chan struct{}  // closed with the first event
	first sync.Once
	last  string
	over  chan struct{} // closed with the event of last
}

func (c *counted) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := event.Copy[event.File](v)
	if !ok {
		c.gaps++
		return
	}
	c.first.Do(func() { close(c.ready) })
	if strings.HasPrefix(filepath.Base(e.Body.Path), "file-") && (e.Operation == event.OpCreate || e.Body.Operations.Has(event.OpCreate)) {
		c.names[e.Body.Path]++
	}
	if e.Body.Path == c.last && e.Operation == event.OpDelete {
		close(c.over)
	}
}

// seen returns how many names there were.
func (c *counted) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names)
}

func measureFiles(b *testing.B, mode filesystem.Mode, n, perSecond int) {
	dir := b.TempDir()
	o := filesystem.Options{Mode: mode, Paths: []string{dir}}
	c, err := filesystem.New(o)
	if err != nil {
		b.Skip(err)
	}
	got := &counted{names: make(map[string]int, n), ready: make(chan struct{}), last: filepath.Join(dir, "last"), over: make(chan struct{})}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, got.take) }() // awaited below
	for ready := false; !ready; {                 // what is made before the source is open is part of the start
		if err := os.WriteFile(filepath.Join(dir, "ready"), []byte(time.Now().String()), 0o600); err != nil {
			b.Fatal(err)
		}
		select {
		case <-got.ready:
			ready = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := os.WriteFile(got.last, nil, 0o600); err != nil { // it is removed behind all others
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", touching, n, perSecond, dir))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	before, begin := storytest.CPUTime(b), time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	if err := os.Remove(got.last); err != nil {
		b.Fatal(err)
	}
	select {
	case <-got.over:
	case <-time.After(2 * time.Minute):
		b.Fatal("the event of the last file did not come")
	}
	// What an overflow hid is found a moment later.
	for deadline := time.Now().Add(10 * time.Second); got.seen() < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // a figure, and no assertion
	}
	spent, took := storytest.CPUTime(b)-before, time.Since(begin)
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	var rate float64
	if _, err := fmt.Sscan(out.String(), &rate); err != nil {
		b.Fatal(err)
	}
	twice := 0
	for _, times := range got.names {
		if times > 1 {
			twice++
		}
	}
	missing := n - len(got.names)
	if got.gaps == 0 && missing > 0 {
		b.Errorf("%d files have no event, and nothing was announced as lost", missing)
	}
	b.ReportMetric(rate, "files/s")
	b.ReportMetric(float64(len(got.names)), "names")
	b.ReportMetric(float64(twice), "twice")
	b.ReportMetric(float64(got.gaps), "gaps")
	b.ReportMetric(float64(spent)/float64(took)*100, "%core")
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/file")
}
