package filesystem

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

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/receive"
	"github.com/daemoneye/eventbus/agent/event"
)

// fixture is a tracker of a directory, and what it emits: an operation, a path and how it
// is known, a line for each event.
type fixture struct {
	*tracker
	t    *testing.T
	root string
	skip string        // part of the paths of events that do not count
	last event.File    // of the last event
	at   int64         // wall time of the last event
	more chan struct{} // something was emitted
	tick int64         // if not 0, the time stamps of all files
	old  bool          // time stamps count as settled

	mu     sync.Mutex
	events []string // guarded by mu while a collector runs
}

func newFixture(t *testing.T, s source, tr *trees, root string) *fixture {
	t.Helper()
	r, err := proc.NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, root: root, more: make(chan struct{}, 1)}
	f.tracker = &tracker{
		trees: tr, source: s, index: index{files: make(map[string]stamp)}, waiting: make(map[string]change), again: make(map[string]uint32),
		emitter: newEmitter(f.take, host.Host{}.Complete(), r, 0, new(uint64)),
		bulk:    newBulk(0, time.Second, func(*event.File, *actor.Process, clock.Moment) {}),
	}
	f.look = func(path string) (sight, bool) {
		s, exists := look(path)
		if f.tick != 0 {
			s.changedNs, s.ctimeNs, s.settled = f.tick, f.tick, false
		}
		s.settled = s.settled || f.old
		return s, exists
	}
	f.clock.Adjust()
	return f
}

func (f *fixture) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		f.t.Error(err)
		return
	}
	f.at = v.Header().WallNs
	if g, ok := event.Copy[event.Loss](v); ok {
		f.note("gap " + g.Body.Reason)
		return
	}
	e, _ := event.Copy[event.File](v)
	if f.skip != "" && strings.Contains(e.Body.Path, f.skip) {
		return
	}
	line := fmt.Sprintf("%v %s", e.Operation, strings.TrimPrefix(e.Body.Path, f.root+"/"))
	if e.Flags.Has(event.Inferred) {
		line += " inferred"
	}
	f.last = e.Body
	f.note(line)
}

func (f *fixture) note(line string) {
	f.mu.Lock()
	f.events = append(f.events, line)
	f.mu.Unlock()
	select {
	case f.more <- struct{}{}:
	default:
	}
}

func watchedDir(t *testing.T) (string, *trees) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseTrees([]string{root})
	if err != nil {
		t.Fatal(err)
	}
	return root, &trees{all: all}
}

// TestAnOverflowIsAnnouncedAndMadeUpFor: more records than the kernel keeps, with nobody
// to receive them, and then a receiver. All that changed is found.
func TestAnOverflowIsAnnouncedAndMadeUpFor(t *testing.T) {
	for _, mode := range []Mode{ModeFanotify, ModeInotify} {
		t.Run(string(mode), func(t *testing.T) {
			root, tr := inMemory(t)
			path := func(name string) string { return filepath.Join(root, name) }
			write := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"goes", "grows", "opens", "stays"} {
				write(name, "x")
			}
			s, _, err := choose(mode, tr)
			if err != nil {
				t.Skip(err)
			}
			defer s.close()
			f := newFixture(t, s, tr, root)
			f.skip = "/many-"
			f.fill(t.Context())
			limit := queueLimit(t, mode)
			for i := range limit + 10 { // two records each; other files on this filesystem only add to it
				if err := os.Mkdir(path(fmt.Sprint("many-", i)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(path(fmt.Sprint("many-", i))); err != nil {
					t.Fatal(err)
				}
			}
			write("comes", "x")
			write("grows", "xxx")
			for _, err := range []error{os.Remove(path("goes")), os.Chmod(path("opens"), 0o644)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			ended := make(chan error, 1)
			q := receive.New(batches, batchBytes)
			failed := make(chan error, 1)
			go func() { failed <- s.receive(ctx, q) }()        // awaited below
			go func() { ended <- f.consume(ctx, q, failed) }() // awaited below
			f.until(ctx, "gap "+overflowed, "create comes inferred", "modify grows inferred", "attributes opens inferred", "delete goes inferred")
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			<-failed
			f.drop(q)
		})
	}
}

// until waits until the events have all of want in that order.
func (f *fixture) until(ctx context.Context, want ...string) {
	f.t.Helper()
	for {
		f.mu.Lock()
		var got []string
		for _, e := range f.events {
			if slices.Contains(want, e) {
				got = append(got, e)
			}
		}
		f.mu.Unlock()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-f.more:
		case <-ctx.Done():
			f.t.Fatalf("there is %q, want %q", got, want)
		}
	}
}

// inMemory is watchedDir where a file costs no write to a disk, if there is such a place.
func inMemory(t *testing.T) (string, *trees) {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "overflow")
	if err != nil {
		return watchedDir(t)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	all, err := parseTrees([]string{root})
	if err != nil {
		t.Fatal(err)
	}
	return root, &trees{all: all}
}

func queueLimit(t *testing.T, mode Mode) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/fs/" + string(mode) + "/max_queued_events")
	if err != nil {
		t.Skip(err)
	}
	if _, err := fmt.Sscan(string(b), &n); err != nil || n > 100_000 {
		t.Skipf("the kernel keeps %s records", b)
	}
	return n
}

// still is a source from which nothing comes.
type still struct{}

func (still) receive(context.Context, *receive.Queue) error { return nil }
func (still) parse([]byte, func(*change)) (bool, error)     { return false, nil }
func (still) complete() bool                                { return true }
func (still) watch(string) error                            { return nil }
func (still) retarget(*trees) error                         { return nil }
func (still) settle(func(*change)) bool                     { return false }
func (still) close()                                        {}

func (f *fixture) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.root, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) chmod(name string, mode os.FileMode) {
	f.t.Helper()
	if err := os.Chmod(filepath.Join(f.root, name), mode); err != nil {
		f.t.Fatal(err)
	}
}

// later lets the time pass in which a file has no second event.
func (f *fixture) later(path string) {
	s := f.index.files[path]
	s.modifiedAt -= quiet
	f.index.files[path] = s
}

func (f *fixture) remove(name string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.root, name)); err != nil {
		f.t.Fatal(err)
	}
}

func TestTheIndexFollowsRenamesAndIsBounded(t *testing.T) {
	dir := stamp{mode: 0o040755}
	x := index{files: make(map[string]stamp)}
	for path, s := range map[string]stamp{"/a": dir, "/a/b": {inode: 1}, "/ab": {inode: 2}} {
		x.set(path, s)
	}
	x.rename("/a", "/c")
	x.rename("/nowhere", "/d")
	var got []string
	for p := range x.files {
		got = append(got, p)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"/ab", "/c", "/c/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	x.removeAll("/c")
	if len(x.files) != 1 {
		t.Errorf("%v is left", x.files)
	}
	x.removeAll("/ab")
	if x.bytes != 0 {
		t.Errorf("%d bytes are left without a file", x.bytes)
	}
	for _, long := range []string{"", strings.Repeat("x", 1000)} { // the bound is one of bytes, not of files
		path := func(i int) string { return fmt.Sprintf("/%s%09d", long, i) }
		fit := maxIndexed / cost(path(0))
		for i := range fit {
			x.set(path(i), stamp{})
		}
		if len(x.files) != fit || x.full {
			t.Errorf("%d files are remembered, want %d; full is %v", len(x.files), fit, x.full)
		}
		x.set(path(0), stamp{inode: 1}) // it has its place
		x.set(path(fit), stamp{})
		if len(x.files) != fit || !x.full || x.files[path(0)].inode != 1 {
			t.Errorf("beyond the bound %d files are remembered, want %d; full is %v", len(x.files), fit, x.full)
		}
		for i := range fit {
			x.remove(path(i))
		}
		x.full = false
	}
	if x.bytes != 0 {
		t.Errorf("%d bytes are left without a file", x.bytes)
	}
}

// TestTheFirstLookEndsWithItsContext, because there may be very many files.
func TestTheFirstLookEndsWithItsContext(t *testing.T) {
	root, tr := watchedDir(t)
	f := newFixture(t, still{}, tr, root)
	for i := range 10 {
		f.write(fmt.Sprint(i), "x")
	}
	ctx, stop := context.WithCancel(t.Context())
	looked := 0
	f.look = func(path string) (sight, bool) {
		if looked++; looked == 5 {
			stop()
		}
		return look(path)
	}
	f.fill(ctx)
	if looked != 5 {
		t.Errorf("it looked at %d files, and was to end at the fifth", looked)
	}
}
