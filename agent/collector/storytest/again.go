package storytest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// again is set in a test that runs below a command.
const again = "STORYTEST_AGAIN"

// Inside reports whether this is the process that Again has started for the test.
func Inside(t *testing.T) bool { return os.Getenv(again) == t.Name() }

// Again runs the test once more, in another process below a command that changes its
// surroundings, and reports whether this is that process already. It skips the test where
// the command cannot.
func Again(t *testing.T, command ...string) (inside bool) {
	t.Helper()
	if Inside(t) {
		return true
	}
	args := append(command, os.Args[0], "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout", "1m")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), again+"="+t.Name())
	out, err := cmd.CombinedOutput()
	switch {
	case !strings.Contains(string(out), "=== RUN"):
		t.Skipf("%v: %s", err, out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()+" ("):
		t.Skipf("%s", out)
	}
	return false
}
