package process

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// TestAProgramIsHashedOnceAndWhenItHasChanged. Both files have the same path, as a rule the
// same size, and perhaps the same time.
func TestAProgramIsHashedOnceAndWhenItHasChanged(t *testing.T) {
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine")
	install := func(content []byte) string {
		t.Helper()
		if err := os.WriteFile(mine+".new", content, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(mine+".new", mine); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:])
	}
	for _, source := range sources {
		t.Run(source.name, func(t *testing.T) {
			o := source.options
			o.Integrity, o.IntegrityRate = true, 1<<40
			r := run(t, o)
			next := func() event.Process {
				t.Helper()
				command(t, mine, "1000")
				return r.await("the hash", func(p *event.Process) bool {
					return p.Operation == event.OpIntegrity && p.Executable == mine
				})
			}
			first := install(program)
			if e := next(); e.Body.SHA256 != first || e.Body.Hashes != "SHA256="+first || e.Body.Previous != "" || e.Body.Size != event.Known(uint64(len(program))) {
				t.Errorf("the first one: %+v, want %s", e.Body, first)
			}
			command(t, mine, "1000") // not again
			second := install(append(program[:len(program):len(program)], source.name...))
			if e := next(); e.Body.SHA256 != second || e.Body.Previous != first {
				t.Errorf("the second one: %+v, want %s after %s", e.Body, second, first)
			}
			if err := os.Remove(mine); err != nil {
				t.Fatal(err)
			}
		})
	}
}
