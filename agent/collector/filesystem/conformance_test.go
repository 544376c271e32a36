package filesystem_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/event"
)

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) {
	if dir := os.Getenv(watching); dir != "" {
		os.Exit(watchFiles(dir))
	}
	if spec := os.Getenv(touching); spec != "" {
		os.Exit(touchFiles(spec))
	}
	goleak.VerifyTestMain(m)
}

// watched is a directory that a collector watches, and what it has emitted.
type watched struct {
	t         *testing.T
	root      string
	collector *filesystem.Collector
	options   filesystem.Options

	mu     sync.Mutex
	events []event.Filesystem // guarded by mu
	topics []string           // guarded by mu; of each event
}

// sources runs a test with each source that is permitted here.
func sources(t *testing.T, o filesystem.Options, test func(t *testing.T, w *watched, fanotify bool)) {
	for _, mode := range []filesystem.Mode{filesystem.ModeFanotify, filesystem.ModeInotify} {
		t.Run(string(mode), func(t *testing.T) {
			o := o
			o.Mode = mode
			w := watch(t, o)
			test(t, w, mode == filesystem.ModeFanotify)
		})
	}
}

// watch runs a collector on a new directory, until the test ends. It returns when changes
// are seen. Paths of o are relative to that directory; without one all of it is watched.
func watch(t *testing.T, o filesystem.Options) *watched {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, root: root}
	for _, list := range []*[]string{&o.Paths, &o.Executables, &o.Exclude} {
		for i, p := range *list {
			if i == 0 {
				*list = slices.Clone(*list)
			}
			(*list)[i] = filepath.Join(root, p)
		}
	}
	if len(o.Paths) == 0 && len(o.Executables) == 0 {
		o.Paths = []string{root}
	}
	ready := filepath.Join(root, "ready")
	o.Paths = append(o.Paths, ready)
	c, err := filesystem.New(o)
	if err != nil {
		t.Skip(err)
	}
	w.collector, w.options = c, o
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, w.take) }() // awaited below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	// What is made before the source is open is part of the start: it is made again until it
	// is seen.
	w.until("ready", func() bool {
		w.write("ready", fmt.Sprint(time.Now().UnixNano()))
		return len(w.of("ready")) > 0
	})
	w.remove("ready")
	w.until("ready is gone", func() bool { return slices.Contains(w.of("ready"), "delete") })
	w.mu.Lock()
	w.events, w.topics = nil, nil
	w.mu.Unlock()
	return w
}

func (w *watched) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		w.t.Errorf("%s: %v", m.Topic, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := event.Copy[event.File](v); ok {
		w.events, w.topics = append(w.events, e), append(w.topics, m.Topic)
		return
	}
	w.t.Errorf("%s: %v", m.Topic, v.Operation())
}

func (w *watched) all() []event.Filesystem {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// on returns the topics of all events, in the order of all.
func (w *watched) on() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.topics)
}

// operations returns what an event is about, its main operation first.
func operations(e event.Filesystem) (all []string) {
	all = append(all, e.Operation.String())
	for _, o := range []event.Operation{event.OpCreate, event.OpModify, event.OpDelete, event.OpRename, event.OpAttributes} {
		if e.Body.Operations.Has(o) && o != e.Operation {
			all = append(all, o.String())
		}
	}
	return all
}

// of returns the operations of a file, each once, in their order.
func (w *watched) of(path string) (all []string) {
	for _, e := range w.all() {
		if e.Body.Path != filepath.Join(w.root, path) {
			continue
		}
		for _, o := range operations(e) {
			if !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// last returns the last event of a file with that operation.
func (w *watched) last(path string, o event.Operation) (found event.Filesystem) {
	for _, e := range w.all() {
		if e.Body.Path == filepath.Join(w.root, path) && (e.Operation == o || e.Body.Operations.Has(o)) {
			found = e
		}
	}
	return found
}

// until waits for what must come; only a test that fails takes long.
func (w *watched) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("did not happen: %s; there is:\n%s", what, w)
		}
	}
}

// await waits until a file has had all these operations.
func (w *watched) await(path string, want ...string) {
	w.t.Helper()
	w.until(path+" "+strings.Join(want, ","), func() bool {
		got := w.of(path)
		return !slices.ContainsFunc(want, func(o string) bool { return !slices.Contains(got, o) })
	})
}

// String returns all events, a line each.
func (w *watched) String() string {
	var b strings.Builder
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range w.events {
		fmt.Fprintf(&b, "%s %v %s %s [%d] %s\n", w.topics[i], operations(e), e.Body.Previous, e.Body.Path, e.PID, slices.Collect(e.Flags.Names()))
	}
	return b.String()
}

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) at(path string) string { return filepath.Join(w.root, path) }

func (w *watched) write(path, text string) {
	w.t.Helper()
	w.must(os.WriteFile(w.at(path), []byte(text), 0o644))
}

func (w *watched) remove(path string) { w.t.Helper(); w.must(os.RemoveAll(w.at(path))) }

func (w *watched) mkdir(path string) { w.t.Helper(); w.must(os.MkdirAll(w.at(path), 0o755)) }

func (w *watched) rename(from, to string) { w.t.Helper(); w.must(os.Rename(w.at(from), w.at(to))) }

// TestTheStoryOfAFile is the same with each source.
func TestTheStoryOfAFile(t *testing.T) {
	sources(t, filesystem.Options{}, func(t *testing.T, w *watched, fanotify bool) {
		w.write("a", "hello")
		w.await("a", "create", "modify")
		w.must(os.Chmod(w.at("a"), 0o755))
		w.await("a", "attributes")
		w.rename("a", "b")
		w.await("b", "rename")
		w.remove("b")
		w.await("b", "delete")

		created, changed := w.last("a", event.OpCreate), w.last("a", event.OpAttributes)
		if created.Body.Type != "file" || created.Body.Mode != "0644" || created.Body.Inode == 0 {
			t.Errorf("created: %+v", created.Body)
		}
		if uid, ok := created.Body.UID.Get(); !ok || uid != uint64(os.Geteuid()) {
			t.Errorf("its owner is %d, known %v", uid, ok)
		}
		if changed.Body.Mode != "0755" {
			t.Errorf("after the change: mode %s", changed.Body.Mode)
		}
		if e := w.last("b", event.OpRename); e.Body.Previous != w.at("a") {
			t.Errorf("renamed from %q", e.Body.Previous)
		}
		if e := w.last("b", event.OpDelete); e.Body.Inode != 0 || e.Body.Mode != "" {
			t.Errorf("deleted: %+v", e.Body)
		}
		for _, e := range w.all() {
			if fanotify != (e.PID == uint32(os.Getpid())) || fanotify != (e.Executable != "") || fanotify == e.Flags.Has(event.ExecutableUnread) {
				t.Errorf("%v %s was by pid %d, %q; we are %d", e.Operation, e.Body.Path, e.PID, e.Executable, os.Getpid())
			}
		}
		for _, topic := range w.on() {
			if topic != filesystem.TopicOperations {
				t.Errorf("topic %s", topic)
			}
		}
	})
}

// TestDirectoriesAndLinks are files as well.
func TestDirectoriesAndLinks(t *testing.T) {
	sources(t, filesystem.Options{}, func(t *testing.T, w *watched, _ bool) {
		w.mkdir("d")
		w.must(os.Symlink("/target", w.at("d/l")))
		w.await("d/l", "create")
		if e := w.last("d/l", event.OpCreate); e.Body.Type != "symlink" || e.Body.Target != "/target" {
			t.Errorf("link: %+v", e.Body)
		}
		w.write("d/x", "1")
		w.await("d/x", "create")
		w.must(os.Link(w.at("d/x"), w.at("d/y")))
		w.await("d/y", "create")
		w.rename("d", "e")
		w.await("e", "rename")
		w.write("e/x", "22") // the directory is known by its new name
		w.await("e/x", "modify")
		w.remove("e")
		w.await("e/x", "delete")
		w.await("e", "delete")
		if e := w.last("e", event.OpDelete); e.Body.Type != "dir" {
			t.Errorf("directory: %+v", e.Body)
		}
	})
}

// TestNothingInANewDirectoryIsMissed, however fast it is filled: each file once.
func TestNothingInANewDirectoryIsMissed(t *testing.T) {
	sources(t, filesystem.Options{}, func(t *testing.T, w *watched, _ bool) {
		const dirs, files = 20, 10
		for i := range dirs {
			dir := fmt.Sprintf("n%d/a/b", i)
			w.mkdir(dir)
			for k := range files {
				w.write(fmt.Sprintf("%s/f%d", dir, k), "")
			}
		}
		w.write("last", "x")
		w.await("last", "modify")
		created := func() map[string]int {
			n := map[string]int{}
			for _, e := range w.all() {
				if e.Operation == event.OpCreate && strings.Contains(e.Body.Path, "/f") {
					n[e.Body.Path]++
				}
			}
			return n
		}
		w.until("all files", func() bool { return len(created()) == dirs*files })
		for path, n := range created() {
			if n != 1 {
				t.Errorf("%s was created %d times", path, n)
			}
		}
	})
}

// TestATreeThatArrivesIsAnnounced, with all that is in it, and one that leaves is gone.
func TestATreeThatArrivesIsAnnounced(t *testing.T) {
	sources(t, filesystem.Options{Paths: []string{"in"}}, func(t *testing.T, w *watched, fanotify bool) {
		w.mkdir("out/d/e")
		w.write("out/d/e/f", "x")
		w.mkdir("in")
		w.await("in", "create")
		w.rename("out/d", "in/d")
		w.await("in/d/e/f", "create")
		if e := w.last("in/d/e/f", event.OpCreate); !e.Flags.Has(event.Inferred) || fanotify != (e.PID == uint32(os.Getpid())) {
			t.Errorf("it is by %d, with flags %v", e.PID, slices.Collect(e.Flags.Names()))
		}
		arrival := "create" // inotify does not know from where
		if fanotify {
			arrival = "rename"
		}
		w.await("in/d", arrival)
		if e := w.last("in/d", event.OpRename); fanotify && e.Body.Previous != w.at("out/d") {
			t.Errorf("it is from %q", e.Body.Previous)
		}
		w.write("in/d/e/g", "x")
		w.await("in/d/e/g", "create")
		w.rename("in/d", "out/d")
		if fanotify {
			w.await("out/d", "rename")
		} else {
			w.await("in/d", "delete")
		}
		w.write("out/d/e/h", "x") // it is outside now
		w.write("in/last", "x")
		w.await("in/last", "create")
		if got := w.of("out/d/e/h"); got != nil {
			t.Errorf("outside of the trees: %v", got)
		}
	})
}

// TestWhatIsWatched: trees with wildcards that come to be later, programs only, and what
// is left out.
func TestWhatIsWatched(t *testing.T) {
	o := filesystem.Options{Paths: []string{"home/*/.ssh", "etc"}, Executables: []string{"tmp"}, Exclude: []string{"etc/skip*"}}
	sources(t, o, func(t *testing.T, w *watched, _ bool) {
		w.mkdir("home/ann/.ssh")
		w.write("home/ann/.ssh/authorized_keys", "key")
		w.write("home/ann/diary", "dear")
		w.mkdir("etc/skip-me")
		w.write("etc/skip-me/x", "")
		w.mkdir("tmp")
		w.write("tmp/data", "x")
		w.write("tmp/tool", "#!/bin/sh\n")
		w.must(os.Chmod(w.at("tmp/tool"), 0o755))
		w.await("home/ann/.ssh/authorized_keys", "create")
		w.until("tmp/tool is a program", func() bool { return len(w.of("tmp/tool")) > 0 })
		w.remove("tmp/tool")
		w.await("tmp/tool", "delete")
		w.write("etc/last", "x")
		w.await("etc/last", "create")
		for _, path := range []string{"home/ann", "home/ann/diary", "etc/skip-me", "etc/skip-me/x", "tmp/data", "tmp"} {
			if got := w.of(path); got != nil {
				t.Errorf("%s: %v", path, got)
			}
		}
	})
}

// TestNamesOfEveryByte come as they are.
func TestNamesOfEveryByte(t *testing.T) {
	sources(t, filesystem.Options{}, func(t *testing.T, w *watched, _ bool) {
		for i, name := range []string{"a\nb", "\xff\xfe", "\x1b[31mred", " ", "-rf", "日本", strings.Repeat("x", 255)} {
			plain := fmt.Sprint("plain-", i)
			w.write(name, "1")
			w.await(name, "create")
			w.rename(name, plain)
			w.await(plain, "rename")
			if e := w.last(plain, event.OpRename); e.Body.Previous != w.at(name) {
				t.Errorf("renamed from %q, want %q", e.Body.Previous, w.at(name))
			}
			w.remove(plain)
			w.await(plain, "delete")
		}
	})
}
