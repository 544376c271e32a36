package filesystem_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// The story is the same for each source. What each shows of it is compared with what
// happened.
const (
	storyBrief    = 100 // files that are made, written, renamed and removed at once
	storySlow     = 20  // files of which each change is seen before the next one
	storyDirs     = 10  // new folders of three levels, with storyIn files each
	storyIn       = 10
	storyMoved    = 10 // files that come into the tree from outside, and as many that leave it
	storyMapped   = 10 // files that are written through memory and closed
	storyLinked   = 10 // files that are written by another name outside of the tree
	storyPrograms = 50 // programs that make a file and end
)

// storyRows are the table in the README: fanotify, and inotify.
var storyRows = []storytest.Row{
	{What: "100 brief files: made", Want: same(storyBrief)},
	{What: "renamed, with both names", Want: same(storyBrief)},
	{What: "removed", Want: same(storyBrief)},
	{What: "20 slow files: each of 5 changes", Want: same(5 * storySlow)},
	{What: "with the process that did it", Want: whom(5 * storySlow)},
	{What: "100 files in new folders: made", Want: same(storyDirs * storyIn)},
	{What: "10 moved in, 10 out: with both names", Want: []storytest.Bound{storytest.Just(2 * storyMoved), storytest.Just(0).But("made and removed")}},
	{What: "10 written through memory, and closed", Want: same(storyMapped)},
	{What: "10 written by a hard link from outside", Want: same(0)},
	{What: "50 programs that end at once: with pid", Want: whom(storyPrograms)},
	{What: "what did not happen", Want: same(0)},
}

func same(n int) []storytest.Bound { return []storytest.Bound{storytest.Just(n), storytest.Just(n)} }

// whom is what fanotify alone knows.
func whom(n int) []storytest.Bound { return []storytest.Bound{storytest.Just(n), storytest.Just(0)} }

// TestEverySourceShowsTheSameStory, and the table of the README is what it shows.
func TestEverySourceShowsTheSameStory(t *testing.T) {
	sources(t, filesystem.Options{Paths: []string{"in"}}, func(t *testing.T, w *watched, fanotify bool) {
		source := 1
		if fanotify {
			source = 0
		}
		storytest.Check(t, storyRows, source, perform(w))
		if t.Failed() {
			t.Log(w)
		}
	})
	storytest.InReadme(t, "File events", storyRows)
}

// perform has the story happen, and returns how often each row of it was shown.
func perform(w *watched) []int {
	w.t.Helper()
	each := func(n int, name string, do func(path string)) {
		w.t.Helper()
		for i := range n {
			do(fmt.Sprintf("in/%s-%d", name, i))
		}
	}
	w.mkdir("in")
	w.mkdir("out")
	w.await("in", "create")
	// A file that a look finds under its second name has an event of its making there too.
	w.until("the last look into it", func() bool {
		n, err := filesystem.Looking(w.t.Context(), w.collector)
		w.must(err)
		return n == 0
	})
	each(storyBrief, "brief", func(p string) {
		w.write(p, "x")
		w.rename(p, p+"-new")
		w.remove(p + "-new")
	})
	each(storySlow, "slow", func(p string) {
		w.write(p, "")
		w.await(p, "create")
		w.write(p, "x")
		w.await(p, "modify")
		w.must(os.Chmod(w.at(p), 0o600))
		w.await(p, "attributes")
		w.rename(p, p+"-new")
		w.await(p+"-new", "rename")
		w.remove(p + "-new")
		w.await(p+"-new", "delete")
	})
	for i := range storyDirs {
		dir := fmt.Sprintf("in/dir-%d/a/b", i)
		w.mkdir(dir)
		for k := range storyIn {
			w.write(fmt.Sprintf("%s/f-%d", dir, k), "")
		}
	}
	out := func(p string) string { return "out" + strings.TrimPrefix(p, "in") }
	each(storyMoved, "comes", func(p string) {
		w.write(out(p), "x")
		w.rename(out(p), p)
	})
	each(storyMoved, "leaves", func(p string) {
		w.write(p, "x")
		w.await(p, "create")
		w.rename(p, out(p))
	})
	each(storyMapped, "mapped", func(p string) {
		w.write(p, "first")
		w.await(p, "modify")
	})
	w.nextTick()
	each(storyMapped, "mapped", w.throughMemory)
	each(storyLinked, "linked", func(p string) { w.write(p, "x") })
	w.write("in/first", "x")
	w.await("in/first", "create", "modify") // all records of those before it have been read
	each(storyLinked, "linked", func(p string) {
		w.must(os.Link(w.at(p), w.at(out(p))))
		w.write(out(p), "changed")
		w.must(os.Remove(w.at(out(p))))
	})
	pids := map[string]uint32{}
	each(storyPrograms, "program", func(p string) {
		cmd := exec.Command("/bin/sh", "-c", `: >"$1"`, "sh", w.at(p))
		w.must(cmd.Run())
		pids[w.at(p)] = uint32(cmd.Process.Pid)
	})
	each(storyMapped, "mapped", func(p string) {
		w.until(p+" is modified again", func() bool { return w.count(w.at(p), event.OpModify) == 2 })
	})
	w.write("in/last", "x")
	w.await("in/last", "create", "modify")
	return w.shown(pids)
}

// count returns how many events of a file have that operation.
func (w *watched) count(path string, op event.Operation) (n int) {
	for _, e := range w.all() {
		if e.Body.Path == path && (e.Operation == op || e.Body.Operations.Has(op)) {
			n++
		}
	}
	return n
}

// nextTick waits until a file that is changed has a later time stamp than all others.
func (w *watched) nextTick() {
	w.t.Helper()
	at := func() time.Time {
		w.write("out/tick", "x")
		st, err := os.Stat(w.at("out/tick"))
		w.must(err)
		return st.ModTime()
	}
	first := at()
	w.until("the next tick", func() bool { return at().After(first) })
}

// throughMemory changes a file without a call that writes.
func (w *watched) throughMemory(path string) {
	w.t.Helper()
	f, err := os.OpenFile(w.at(path), os.O_RDWR, 0)
	w.must(err)
	defer f.Close()
	b, err := unix.Mmap(int(f.Fd()), 0, 5, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	w.must(err)
	copy(b, "other")
	w.must(unix.Munmap(b))
}

// shown counts what came, by the rows of the table. pids are the programs that made files.
func (w *watched) shown(pids map[string]uint32) []int {
	const (
		briefMakes = iota
		briefRenames
		briefRemovals
		slow
		slowWhom
		folders
		moved
		mapped
		linked
		programs
		rest
		rows
	)
	got := make([]int, rows)
	seen := map[string]bool{} // changes of slow files: a content that is written in two steps may have two events
	for _, e := range w.all() {
		rel, err := filepath.Rel(w.at("in"), e.Body.Path)
		w.must(err)
		previous := ""
		if e.Body.Previous != "" {
			previous, err = filepath.Rel(w.root, e.Body.Previous)
			w.must(err)
		}
		kind, _, _ := strings.Cut(filepath.Base(rel), "-")
		has := func(o event.Operation) bool { return e.Operation == o || e.Body.Operations.Has(o) }
		switch {
		case kind == "brief":
			if has(event.OpCreate) {
				got[briefMakes]++
			}
			if has(event.OpRename) && previous+"-new" == "in/"+rel {
				got[briefRenames]++
			}
			if has(event.OpDelete) {
				got[briefRemovals]++
			}
		case kind == "slow":
			for _, o := range operations(e) {
				if strings.HasSuffix(rel, "-new") != (o == "rename" || o == "delete") {
					got[rest]++ // a file that had another name by then
				}
				id := strings.TrimSuffix(rel, "-new") + " " + o
				if !seen[id] {
					seen[id] = true
					got[slow]++
					if e.PID == uint32(os.Getpid()) {
						got[slowWhom]++
					}
				}
			}
		case kind == "f" && has(event.OpCreate):
			got[folders]++
		case kind == "comes" || kind == "leaves":
			if has(event.OpRename) && previous != "" {
				got[moved]++
			}
		case kind == "mapped" && has(event.OpModify):
			got[mapped]++
		case kind == "linked" && has(event.OpModify):
			got[linked]++
		case kind == "program" && has(event.OpCreate) && e.PID == pids[e.Body.Path]:
			got[programs]++
		case rel != "." && kind != "dir" && kind != "a" && kind != "b" && kind != "first" && kind != "last" && kind != "f" && kind != "mapped" && kind != "linked" && kind != "program":
			got[rest]++
		}
	}
	got[mapped] -= storyMapped // those that were made
	got[linked] -= storyLinked
	return got
}
