package integrity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// Every test must leave no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ended is a process that ran a file and is no more.
func ended(path string) *actor.Process {
	return &actor.Process{PID: 1 << 22, Image: proc.Image{Executable: path}}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// look looks at a program, and returns what is new about it in words.
func look(t *testing.T, h *Hasher, p *actor.Process) string {
	t.Helper()
	f, err := h.look(t.Context(), p)
	switch {
	case err != nil:
		return "error"
	case f == nil:
		return "nothing"
	}
	return fmt.Sprintf("%.8s after %.8s, %d bytes", f.SHA256, f.Previous, f.Size)
}

func TestWhatIsNewOfAProgram(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	h := New(Options{Root: "/proc", MaxSize: 100, Rate: 1 << 40})
	check := func(what, path, want string) {
		t.Helper()
		if got := look(t, h, ended(path)); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	one := write(t, a, "one")
	check("the first time", a, fmt.Sprintf("%.8s after , 3 bytes", one))
	check("the second time", a, "nothing")
	two := write(t, a, "two") // in the same tick, the same number and size
	check("another content", a, fmt.Sprintf("%.8s after %.8s, 3 bytes", two, one))
	write(t, a, "two")
	check("the same content again", a, "nothing")
	write(t, b, "two")
	check("the same content elsewhere", b, fmt.Sprintf("%.8s after , 3 bytes", two))
	write(t, b, fmt.Sprintf("%101d", 1))
	check("too large", b, fmt.Sprintf(" after %.8s, 101 bytes", two))
	check("too large again", b, "nothing")
	check("not there", filepath.Join(dir, "c"), "error")
	check("no file", dir, "error")
	inside := ended(a)
	inside.Cgroup.Container = "c"
	if got := look(t, h, inside); got != "error" {
		t.Errorf("the path of a container led to a file of the host: %s", got)
	}
}

// TestAStateThatProvesNothingIsNotKnown: a file that was hashed within the tick of its last
// change is read again.
func TestAStateThatProvesNothingIsNotKnown(t *testing.T) {
	f := files{byNumber: newCache[number, state]()}
	n, s := number{1, 2}, state{size: 3, modifiedNs: 4, changedNs: 5, hash: "x"}
	f.byNumber.put(n, s)
	if _, known := f.hash(n, s); known {
		t.Error("it is known, although it may have changed since")
	}
	s.settled = true
	f.byNumber.put(n, s)
	if hash, known := f.hash(n, s); !known || hash != "x" {
		t.Error("it is not known")
	}
	for _, other := range []state{{size: 4, modifiedNs: 4, changedNs: 5}, {size: 3, modifiedNs: 5, changedNs: 5}, {size: 3, modifiedNs: 4, changedNs: 6}} {
		if _, known := f.hash(n, other); known {
			t.Errorf("%+v is known", other)
		}
	}
}

func TestTheCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	c := newCache[int, int]()
	for i := range 10 * maxYoung {
		c.put(i, i)
		if _, ok := c.get(0); !ok {
			t.Fatalf("what is used was forgotten after %d", i)
		}
	}
	if n := len(c.young) + len(c.old); n > 2*maxYoung {
		t.Errorf("%d are remembered", n)
	}
	if _, ok := c.get(1); ok {
		t.Error("what is not used is remembered for ever")
	}
}

// TestMoreThanCanWaitIsCounted, and a program that runs again and again waits once.
func TestMoreThanCanWaitIsCounted(t *testing.T) {
	h := New(Options{Root: "/proc", MaxSize: 100, Rate: 1 << 40})
	unread := ended("/x")
	unread.Flags = event.ExecutableUnread
	h.Note(unread)
	for range 3 {
		for i := range maxPending + 7 {
			h.Note(ended(fmt.Sprintf("/nowhere/%d", i)))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	total := uint64(0)
	h.Run(ctx, func(f *Finding, missed uint64) {
		total += missed
		cancel()
	})
	if total != 3*7 {
		t.Errorf("%d were missed, want %d", total, 3*7)
	}
}
