package hostile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// roleEnv names what this program is to be when it is started again.
const roleEnv = "HOSTILE_ROLE"

// soaking reports whether the long forms run.
var soaking = os.Getenv("HOSTILE_SOAK") != ""

// size returns the size of an attack.
func size(short, long int) int {
	if soaking {
		return long
	}
	return short
}

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "agent":
		err = runAgent()
	case "probe":
		var pid int
		if pid, err = strconv.Atoi(os.Args[2]); err == nil {
			err = runProbe(os.Args[1], pid)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// untilStdinEnds returns a channel that is closed with the standard input: the test has
// ended, or wants this process to end.
func untilStdinEnds() <-chan struct{} {
	ended := make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return ended
}

// threads returns the processor time that each thread of a process has taken.
func threads(t testing.TB, pid int) map[string]time.Duration {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(paths) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	all := make(map[string]time.Duration)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var ns int64
		if _, err := fmt.Sscan(string(b), &ns); err != nil {
			t.Fatalf("%s is %q: %v", path, b, err)
		}
		all[path] = time.Duration(ns)
	}
	return all
}

// procStatus returns a line of /proc/<pid>/status in bytes.
func procStatus(pid int, name string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if value, ok := strings.CutPrefix(in.Text(), name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, name)
}
