package proc

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// TestADeletedProgramIsToldFromOneOfThatName: the kernel writes the same behind the
// path of the one that the other has in its name.
func TestADeletedProgramIsToldFromOneOfThatName(t *testing.T) {
	tests := []struct {
		name    string
		file    string
		link    bool // the file has another name as well
		remove  bool // before the look
		deleted bool
	}{
		{"a file", "sshd", false, false, false},
		{"a file that is deleted", "sshd", false, true, true},
		{"one of its names is deleted", "sshd", true, true, true},
		{"a file of that name", "sshd (deleted)", false, false, false},
		{"a file of that name with another one", "sshd (deleted)", true, false, false},
		{"a file of that name that is deleted", "sshd (deleted)", false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			copyFile(t, "/bin/sleep", path)
			if tt.link {
				if err := os.Link(path, path+"-2"); err != nil {
					t.Fatal(err)
				}
			}
			cmd := run(t, exec.Command(path, "1000"))
			if tt.remove {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			o := observe(t, cmd)
			if got := o.Unread.Has(event.ExecutableDeleted); o.Image.Executable != path || got != tt.deleted {
				t.Errorf("executable is %q, deleted %v; want %q, %v", o.Image.Executable, got, path, tt.deleted)
			}
		})
	}
}

// TestADeletedDirectoryIsToldFromOneOfThatName, as for programs.
func TestADeletedDirectoryIsToldFromOneOfThatName(t *testing.T) {
	for _, tt := range []struct {
		name    string
		deleted bool
	}{{"work", false}, {"work", true}, {"work (deleted)", false}, {"work (deleted)", true}} {
		path := filepath.Join(t.TempDir(), tt.name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.Dir = path
		run(t, cmd)
		if tt.deleted {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		o := observe(t, cmd)
		if got := o.Unread.Has(event.DirectoryDeleted); o.Image.Directory != path || got != tt.deleted {
			t.Errorf("directory is %q, deleted %v; want %q, %v", o.Image.Directory, got, path, tt.deleted)
		}
	}
}

// observe reads the process of cmd.
func observe(t *testing.T, cmd *exec.Cmd) Observation {
	t.Helper()
	r, err := NewReader("/proc")
	if err != nil {
		t.Fatal(err)
	}
	o, ok := r.Process(uint32(cmd.Process.Pid))
	if !ok {
		t.Fatal("it could not be read")
	}
	return o
}

// run starts a program that ends with the test.
func run(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
