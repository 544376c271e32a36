package storytest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// WithPID starts a program with a pid that is free; it ends with the test. It skips the test
// where the kernel does not let us choose, or others take the pid again and again.
func WithPID(t testing.TB, pid int, path string, args ...string) *exec.Cmd {
	t.Helper()
	for range 200 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); err != nil {
			t.Skip(err)
		}
		cmd := exec.Command(path, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if cmd.Process.Pid == pid {
			t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
			return cmd
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Skipf("the pid %d was not to be had again", pid)
	return nil
}
