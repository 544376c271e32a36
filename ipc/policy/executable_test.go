package policy_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/ipc/policy"
)

// TestAProgramKeepsItsNameWhenItsFileIsReplaced runs programs whose files are deleted,
// replaced, or really named as the kernel writes it of deleted ones.
func TestAProgramKeepsItsNameWhenItsFileIsReplaced(t *testing.T) {
	t.Parallel()
	const remark = " (deleted)"
	for _, tc := range []struct {
		name   string
		file   string
		before func(path string) error // before the program runs
		then   func(path string) error // while it runs
	}{
		{"a file", "tool", nil, nil},
		{"a file that is deleted", "tool", nil, os.Remove},
		{"a file that is replaced", "tool", nil, func(path string) error {
			copyFile(t, "/bin/sleep", path+".new")
			return os.Rename(path+".new", path)
		}},
		{"one of its names is deleted", "tool", func(path string) error { return os.Link(path, path+"-2") }, os.Remove},
		{"a file of that name", "tool" + remark, nil, nil},
		{"a file of that name beside the other", "tool" + remark, func(path string) error {
			copyFile(t, "/bin/sleep", path[:len(path)-len(remark)])
			return nil
		}, nil},
		{"a file of that name that is deleted", "tool" + remark, nil, os.Remove},
		{"a deleted file beside one of that name", "tool", func(path string) error {
			copyFile(t, "/bin/sleep", path+remark)
			return nil
		}, os.Remove},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tc.file)
			copyFile(t, "/bin/sleep", path)
			do(t, tc.before, path)
			cmd := exec.Command(path, "1000")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			do(t, tc.then, path)
			peer := policy.Peer{PID: cmd.Process.Pid}
			if exe, err := peer.Executable(); exe != path || err != nil {
				t.Errorf("executable is %q, %v, want %q", exe, err, path)
			}
			for rule, want := range map[string]bool{path: true, path + remark: false} {
				if _, err := rules(t, policy.Rule{Executables: []string{rule}}).Admit(&peer); (err == nil) != want {
					t.Errorf("a rule for %q: %v, want admitted %v", rule, err, want)
				}
			}
		})
	}
}

func do(t *testing.T, f func(string) error, path string) {
	t.Helper()
	if f == nil {
		return
	}
	if err := f(path); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Skipf("there is no program to run: %v", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
