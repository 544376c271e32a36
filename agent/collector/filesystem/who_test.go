package filesystem_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filesystem"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestAnotherProgramIsNamed: who changed the file, with the processes above it.
func TestAnotherProgramIsNamed(t *testing.T) {
	w := watch(t, filesystem.Options{Mode: filesystem.ModeFanotify})
	// It waits for us after the change, so that there is somebody to be read.
	cmd := exec.Command("/bin/sh", "-c", `echo secret >"$1"; read line`, "sh", w.at("x"))
	in, err := cmd.StdinPipe()
	w.must(err)
	w.must(cmd.Start())
	w.await("x", "create", "modify")
	in.Close()
	_ = cmd.Wait()
	e := w.last("x", event.OpModify)
	if e.PID != uint32(cmd.Process.Pid) || !strings.HasPrefix(e.CommandLine, "/bin/sh\x00-c\x00echo secret") || e.PPID != uint32(os.Getpid()) || e.ParentExecutable == "" || e.StartTicks == 0 {
		t.Errorf("%+v", e)
	}
}

// TestAProgramWhoseChangesNobodyWants: they are left out and counted, and those of others
// are not.
func TestAProgramWhoseChangesNobodyWants(t *testing.T) {
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip(err)
	}
	w := watch(t, filesystem.Options{Mode: filesystem.ModeFanotify, Who: filter.Who{ExcludeExecutables: []string{shell}}})
	cmd := exec.Command("/bin/sh", "-c", `echo secret >"$1"; read line`, "sh", w.at("x"))
	in, err := cmd.StdinPipe()
	w.must(err)
	w.must(cmd.Start())
	w.until("x is left out", func() bool { return w.collector.Filtered() > 0 })
	in.Close()
	_ = cmd.Wait()
	w.write("y", "1")
	w.await("y", "create")
	if got := w.of("x"); got != nil {
		t.Errorf("x has %v", got)
	}
}

// TestAProgramThatHasEnded is named by its pid, and by nothing else if it was never seen.
func TestAProgramThatHasEnded(t *testing.T) {
	w := watch(t, filesystem.Options{Mode: filesystem.ModeFanotify})
	cmd := exec.Command("/bin/sh", "-c", `: >"$1"`, "sh", w.at("x"))
	w.must(cmd.Run())
	w.await("x", "create")
	e := w.last("x", event.OpCreate)
	if e.PID != uint32(cmd.Process.Pid) {
		t.Errorf("by pid %d, want %d", e.PID, cmd.Process.Pid)
	}
	if read := !e.Flags.Has(event.CommandLineUnread); read && !strings.HasPrefix(e.CommandLine, "/bin/sh\x00-c\x00: >") {
		t.Errorf("it is said to be %q", e.CommandLine)
	}
}

// TestBulk: many changes by one process are one more event, with their number and the
// directory that has them all.
func TestBulk(t *testing.T) {
	sources(t, filesystem.Options{Bulk: 50, BulkWindow: filesystem.MinBulkWindow}, func(t *testing.T, w *watched, fanotify bool) {
		w.mkdir("docs/a")
		w.await("docs/a", "create")
		for attempt := range 20 { // a machine that is too slow for the window needs another one
			for i := range 60 {
				w.write(fmt.Sprintf("docs/a/%d-%d", attempt, i), "")
			}
			for i := range 60 {
				w.rename(fmt.Sprintf("docs/a/%d-%d", attempt, i), fmt.Sprintf("docs/a/%d-%d.locked", attempt, i))
			}
			w.await(fmt.Sprintf("docs/a/%d-59.locked", attempt), "rename")
			if len(w.of("docs/a")) > 1 || len(w.of("docs")) > 1 {
				break
			}
		}
		w.until("bulk", func() bool {
			return slices.ContainsFunc(w.all(), func(e event.Filesystem) bool { return e.Operation == event.OpBulk })
		})
		i := slices.IndexFunc(w.all(), func(e event.Filesystem) bool { return e.Operation == event.OpBulk })
		e := w.all()[i]
		changes, _ := e.Body.Changes.Get()
		if changes < 50 || !strings.HasPrefix(e.Body.Path, w.root) || e.Body.SinceNs == 0 || e.Body.SinceNs > e.WallNs {
			t.Errorf("bulk of %d in %s since %d, at %d", changes, e.Body.Path, e.Body.SinceNs, e.WallNs)
		}
		if fanotify != (e.PID == uint32(os.Getpid())) {
			t.Errorf("it is by %d", e.PID)
		}
		if topic := w.on()[i]; topic != filesystem.TopicBulk {
			t.Errorf("topic %s", topic)
		}
	})
}

// TestOurOwnChangesAreLeftOut, where the source knows that they are ours.
func TestOurOwnChangesAreLeftOut(t *testing.T) {
	root := t.TempDir()
	c, err := filesystem.New(filesystem.Options{Mode: filesystem.ModeFanotify, Paths: []string{root}, Agent: os.Getpid()})
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	ours, theirs := filepath.Join(root, "ours"), filepath.Join(root, "theirs")
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(m collector.Message) {
			v, err := event.Parse(m.Payload)
			if err != nil {
				t.Error(err)
			}
			e, _ := event.Copy[event.File](v)
			got = append(got, e.Body.Path)
			cancel()
		})
	}()
	for ctx.Err() == nil { // until the source is open
		if err := os.WriteFile(ours, []byte(time.Now().String()), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = exec.CommandContext(ctx, "/bin/sh", "-c", `echo x >>"$1"`, "sh", theirs).Run()
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{theirs}, got[:min(len(got), 1)]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProgramsThatLiveForAMoment each make a file and end. What the process collector has
// announced states who they were.
func TestProgramsThatLiveForAMoment(t *testing.T) {
	w := watch(t, filesystem.Options{Mode: filesystem.ModeFanotify})
	p, err := process.New(process.Options{Mode: process.ModeEBPF})
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	started := make(chan struct{})
	first := sync.OnceFunc(func() { close(started) })
	go func() { // awaited below
		ended <- p.Run(ctx, func(m collector.Message) {
			w.collector.Take(m.Payload)
			first()
		})
	}()
	defer func() { cancel(); <-ended }()
	<-started
	const n = 300
	for i := range n {
		w.must(exec.Command("/usr/bin/touch", w.at(fmt.Sprint("t", i))).Run())
	}
	known := 0
	for i := range n {
		name := fmt.Sprint("t", i)
		w.await(name, "create")
		e := w.last(name, event.OpCreate)
		if e.Flags.Has(event.ExecutableUnread) || e.Flags.Has(event.CommandLineUnread) {
			continue
		}
		if e.CommandLine != "/usr/bin/touch\x00"+w.at(name)+"\x00" {
			t.Fatalf("%s is by %q", name, e.CommandLine)
		}
		known++
	}
	t.Logf("%d of %d are known", known, n)
	if known < n*99/100 {
		t.Errorf("%d of %d are known", known, n)
	}
}
