package filesystem_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
)

// adjust gives the collector of w other options. Paths are relative to w's directory.
func (w *watched) adjust(change func(*filesystem.Options)) error {
	w.t.Helper()
	o := w.options
	change(&o)
	for i, p := range o.Paths {
		o.Paths[i] = filepath.Join(w.root, p)
	}
	next, err := filesystem.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.collector.Adjust(w.t.Context(), next)
}

// TestOtherPathsWithoutABreak: what is watched before and after has each event once, and the
// numbers of the events go on.
func TestOtherPathsWithoutABreak(t *testing.T) {
	sources(t, filesystem.Options{Paths: []string{"a", "b"}}, func(t *testing.T, w *watched, _ bool) {
		for _, dir := range []string{"a", "b", "c/d", "later"} {
			w.mkdir(dir)
		}
		w.write("c/d/before", "x")
		w.write("b/mark", "x")
		w.await("b/mark", "create") // and the records from before it are through
		var seen, counted int
		count := func() int { // by one goroutine at a time
			all := w.all()
			for _, e := range all[seen:] {
				if filepath.Dir(e.Body.Path) == w.at("a") {
					counted++
				}
			}
			seen = len(all)
			return counted
		}
		stop, ended := make(chan struct{}), make(chan int)
		go func() { // what changes in a all the time, and never so fast that a queue overflows
			n := 0
			for {
				select {
				case <-stop:
					ended <- n
					return
				default:
				}
				if n-count() > 20 || n == 1000 {
					time.Sleep(time.Millisecond)
					continue
				}
				if err := os.Mkdir(w.at(fmt.Sprint("a/", n)), 0o755); err != nil {
					t.Error(err)
				}
				n++
			}
		}()
		for range 5 { // there and back
			for _, paths := range [][]string{{"a", "c"}, {"a", "b"}} {
				if err := w.adjust(func(o *filesystem.Options) { o.Paths = paths }); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.adjust(func(o *filesystem.Options) { o.Paths = []string{"a", "c", "new/*/x"} }); err != nil {
			t.Fatal(err)
		}
		close(stop)
		made := <-ended
		w.write("b/not-any-more", "x")
		w.write("c/d/after", "x")
		w.mkdir("new/one/x/y")
		w.await("c/d/after", "create")
		w.await("new/one/x/y", "create")
		if got := append(w.of("c/d/before"), w.of("b/not-any-more")...); got != nil {
			t.Errorf("what was there before, and what is not watched any more: %q", got)
		}
		w.until("all in a", func() bool { return count() >= made })
		if n := count(); n != made {
			t.Errorf("%d events of %d directories", n, made)
		}
		for i, e := range w.all() {
			if first := w.all()[0]; e.Sequence != first.Sequence+uint64(i) {
				t.Fatalf("event %d has the number %d, the first one %d", i, e.Sequence, first.Sequence)
			}
		}
	})
}

func TestAnotherSourceNeedsAFreshStart(t *testing.T) {
	w := watch(t, filesystem.Options{Mode: filesystem.ModeFanotify})
	err := w.adjust(func(o *filesystem.Options) { o.Mode, o.Paths = filesystem.ModeInotify, []string{""} })
	if !errors.Is(err, collector.ErrFresh) {
		t.Errorf("%v", err)
	}
}
