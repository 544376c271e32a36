package process

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/event"
)

// onlooker is a collector that runs, and its events of the processes of a folder.
type onlooker struct {
	c      *Collector
	folder string

	mu     sync.Mutex
	events []string // guarded by mu
	over   bool     // guarded by mu: the last program has ended
}

func watchFolder(t *testing.T, folder string, o Options) *onlooker {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &onlooker{c: c, folder: folder}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, func(m collector.Message) { w.take(t, m) }) }() // awaited in the clean-up
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.inside(t, func(*tracker) {}) // its snapshot is over
	return w
}

// inside calls a function with the tracker, which is behind its snapshot.
func (w *onlooker) inside(t *testing.T, do func(*tracker)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.c.door.Through(ctx, func(x *tracker) error { do(x); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (w *onlooker) take(t *testing.T, m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		t.Error(err)
		return
	}
	if g, ok := event.Copy[event.Loss](v); ok {
		t.Errorf("lost %+v", g.Body)
	}
	p, ok := event.Copy[event.Detail](v)
	if !ok || !strings.HasPrefix(p.Executable, w.folder) && !strings.HasPrefix(p.ParentExecutable, w.folder) {
		return
	}
	uid, _ := p.UID.Get()
	was, _ := p.Body.PreviousUID.Get()
	var above []string
	for _, a := range p.Ancestors {
		if a.PID != 0 {
			above = append(above, a.Executable)
		}
	}
	line := fmt.Sprintf("%v %d uid %d before %d: %s %q in %s of %s, status %d, flags %b, parent %d %s %q above %q",
		p.Operation, p.PID, uid, was, p.Executable, p.CommandLine, p.Directory, p.Unit, p.Body.Code, p.Flags, p.PPID, p.ParentExecutable, p.ParentCommandLine, above)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, line)
	w.over = w.over || p.Operation == event.OpExit && filepath.Base(p.Executable) == "last"
}

func (w *onlooker) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		ok := done()
		w.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// inKernel is how many events were left out in the kernel.
func (w *onlooker) inKernel(t *testing.T) (n uint64) {
	t.Helper()
	w.inside(t, func(x *tracker) {
		if x.kept.choice != nil {
			var err error
			if n, err = x.kept.choice.Filtered(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// adjust has the collector go on with another filter.
func (w *onlooker) adjust(t *testing.T, who filter.Who) {
	t.Helper()
	o := w.c.options
	o.Who = who
	n, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	n.source = ModeEBPF
	if err := w.c.Adjust(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}
