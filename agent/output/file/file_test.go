package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/file"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(it *output.Item) []byte { return it.Body }

func items(from, n, size int) (all []output.Item) {
	for i := range n {
		body := fmt.Sprintf(`{"n":%d,"pad":"%s"}`, from+i, strings.Repeat("x", size))
		all = append(all, output.Item{Kind: output.KindAlert, Body: []byte(body)})
	}
	return all
}

func open(t *testing.T, o file.Options) *file.Sink {
	t.Helper()
	o.Line = line
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	s := file.New(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, s output.Sink, all []output.Item) {
	t.Helper()
	if n, err := s.Send(t.Context(), all); n != len(all) || err != nil {
		t.Fatalf("%d of %d, %v", n, len(all), err)
	}
}

// numbers returns the numbers of all whole lines of the file and of those beside it that
// were moved aside, which sort before it.
func numbers(t *testing.T, path string) (all []int) {
	t.Helper()
	old, err := filepath.Glob(strings.TrimSuffix(path, ".jsonl") + "-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(old, path) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for l := range bytes.Lines(b) {
			var n int
			if _, err := fmt.Sscanf(string(l), `{"n":%d,`, &n); err != nil || !bytes.HasSuffix(l, []byte("\"}\n")) {
				t.Errorf("%s has the line %.60q", p, l)
			}
			all = append(all, n)
		}
	}
	return all
}

func checkSequence(t *testing.T, got []int, n int) {
	t.Helper()
	for i, x := range got {
		if x != i {
			t.Fatalf("line %d is of item %d", i, x)
		}
	}
	if len(got) != n {
		t.Fatalf("%d lines, want %d", len(got), n)
	}
}

func TestWhatIsTakenIsInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "alerts.jsonl")
	s := open(t, file.Options{Path: path})
	send(t, s, items(0, 3, 10))
	checkSequence(t, numbers(t, path), 3)
	send(t, s, items(3, 2, 10))
	checkSequence(t, numbers(t, path), 5)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600: alerts have what others may not know", info.Mode(), err)
	}
}

func TestAFullFileIsMovedAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	s := open(t, file.Options{Path: path, Keep: 100})
	for i := range 40 { // 4 MiB
		send(t, s, items(i*100, 100, 1000))
	}
	checkSequence(t, numbers(t, path), 4000)
	info, err := os.Stat(path)
	if err != nil || info.Size() > 1<<20 {
		t.Errorf("size %d, %v, want at most 1 MiB", info.Size(), err)
	}
}

func TestAnItemLargerThanAFileIsRefused(t *testing.T) {
	s := open(t, file.Options{Path: filepath.Join(t.TempDir(), "alerts.jsonl")})
	n, err := s.Send(t.Context(), items(0, 1, 2<<20))
	var refused *output.RefusedError
	if n != 0 || !errors.As(err, &refused) {
		t.Errorf("%d, %v, want it refused", n, err)
	}
}

func TestATornLineIsCut(t *testing.T) {
	for _, torn := range []string{`{"n":2,"pa`, strings.Repeat("y", 200<<10)} {
		path := filepath.Join(t.TempDir(), "alerts.jsonl")
		s := open(t, file.Options{Path: path})
		send(t, s, items(0, 2, 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(torn); err != nil {
			t.Fatal(err)
		}
		f.Close()
		send(t, s, items(2, 1, 10))
		checkSequence(t, numbers(t, path), 3)
	}
}

func TestARemovedFolderIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	path := filepath.Join(dir, "alerts.jsonl")
	s := open(t, file.Options{Path: path})
	send(t, s, items(7, 2, 10))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	send(t, s, items(0, 2, 10))
	checkSequence(t, numbers(t, path), 2)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	send(t, s, items(0, 1, 10))
	checkSequence(t, numbers(t, path), 1)
}

func TestOneFileHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	a, b := open(t, file.Options{Path: path}), open(t, file.Options{Path: path})
	send(t, a, items(0, 1, 10))
	if _, err := b.Send(t.Context(), items(1, 1, 10)); !errors.Is(err, file.ErrLocked) {
		t.Errorf("a second writer: %v, want ErrLocked", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, b, items(1, 1, 10))
	checkSequence(t, numbers(t, path), 2)
}

func TestWhatIsNoRegularFileIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, dir} {
		s := open(t, file.Options{Path: path})
		if n, err := s.Send(t.Context(), items(0, 1, 10)); n != 0 || err == nil {
			t.Errorf("%s: %d, %v, want an error", path, n, err)
		}
	}
}

// TestAFullDiskLosesNothing fills a filesystem of 1 MiB, and makes room again.
func TestAFullDiskLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no filesystem of a test's own: mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 700<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "alerts.jsonl")
	s := open(t, file.Options{Path: path})
	const n, step = 400, 7
	full := 0
	for done := 0; done < n; {
		k, err := s.Send(context.Background(), items(done, min(step, n-done), 1000))
		done += k
		if err == nil {
			continue
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("after %d: %v", done, err)
		}
		if full++; full == 3 { // refused again and again, and then there is room
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		}
		checkSequence(t, numbers(t, path), done)
	}
	if full != 3 {
		t.Fatalf("the disk was full %d times, want 3", full)
	}
	checkSequence(t, numbers(t, path), n)
}
