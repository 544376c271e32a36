package ipc_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

func TestDefaultPath(t *testing.T) {
	got, err := ipc.DefaultPath("host-1_A")
	if err != nil || filepath.Base(got) != "host-1_A.sock" || filepath.Base(filepath.Dir(got)) == "/" {
		t.Errorf("%q, %v", got, err)
	}
	if os.Geteuid() == 0 && got != "/run/daemoneye/host-1_A.sock" {
		t.Errorf("root gets %q", got)
	}
	for _, name := range []string{"", "a/b", "..", "a b", "ä", strings.Repeat("a", 65)} {
		if _, err := ipc.DefaultPath(name); err == nil {
			t.Errorf("instance %q is accepted", name)
		}
	}
}

func listen(t *testing.T, path string) *ipc.Listener {
	t.Helper()
	l, err := ipc.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestListenMakesPrivateDirectoryAndSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "bus.sock")
	l := listen(t, path)
	if l.Path() != path {
		t.Errorf("path %q, want %q", l.Path(), path)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(path): os.ModeDir | 0o700, path: os.ModeSocket | 0o600, path + ".lock": 0o600,
	} {
		if fi, err := os.Lstat(name); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v %v, want %v", name, fi.Mode(), err, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	listen(t, path) // at once again
}

// TestListenErrors are errors of the place. Each names what is wrong, and none removes
// anything.
func TestListenErrors(t *testing.T) {
	private := func(t *testing.T, mode os.FileMode) string {
		dir := filepath.Join(t.TempDir(), "run")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, "bus.sock")
	}
	unwritable := ".lock: permission denied"
	if os.Geteuid() == 0 {
		unwritable = "mkdir /proc/sys/bus.d: "
	}
	for _, tc := range []struct {
		name string
		path func(t *testing.T) string
		want string
	}{
		{"directory open to others", func(t *testing.T) string { return private(t, 0o755) }, "is open to others (mode 0755, want 0700)"},
		{"directory open to a group", func(t *testing.T) string { return private(t, 0o710) }, "is open to others (mode 0710, want 0700)"},
		{"directory of another user", func(t *testing.T) string {
			path := private(t, 0o700)
			if err := os.Chown(filepath.Dir(path), 12345, -1); err != nil {
				t.Skipf("needs root to give a directory away: %v", err)
			}
			return path
		}, "belongs to uid 12345"},
		{"directory that cannot be written", func(t *testing.T) string {
			if os.Geteuid() == 0 {
				return "/proc/sys/bus.d/bus.sock" // not even root can make it
			}
			return private(t, 0o500)
		}, unwritable},
		{"a file where the directory should be", func(t *testing.T) string {
			path := private(t, 0o700)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(path, "bus.sock")
		}, "is not a directory"},
		{"a link where the directory should be", func(t *testing.T) string {
			path := private(t, 0o700)
			if err := os.Symlink(filepath.Dir(path), filepath.Dir(path)+"-link"); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(filepath.Dir(path)+"-link", "bus.sock")
		}, "is not a directory"},
		{"a file where the socket should be", func(t *testing.T) string {
			path := private(t, 0o700)
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "is not a socket"},
		{"a link where the lock should be", func(t *testing.T) string {
			path := private(t, 0o700)
			if err := os.Symlink("/etc/passwd", path+".lock"); err != nil {
				t.Fatal(err)
			}
			return path
		}, ".lock"},
		{"a path longer than an address holds", func(t *testing.T) string { return "/tmp/" + strings.Repeat("x", 104) }, "109 bytes long, want 1 to 107"},
		{"no path", func(*testing.T) string { return "" }, "0 bytes long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.path(t)
			l, err := ipc.Listen(path)
			if err == nil {
				t.Fatal(l.Close(), "no error")
			}
			var op *ipc.OpError
			if !errors.As(err, &op) || op.Op != "listen" || op.Path != path || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

// TestSecondServer is refused with the pid of the first, which does not notice.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = ipc.Serve(t.Context(), b, ipc.Options{Path: s.path})
	var held *ipc.InUseError
	if !errors.As(err, &held) || held.PID != os.Getpid() || held.Path != s.path {
		t.Errorf("%v, want InUseError with pid %d", err, os.Getpid())
	}
	others.check()
	s.settled(t)
}

// TestStaleSocket has a socket without a listener: it is taken over.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	listen(t, path).Close()
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		t.Fatalf("no stale socket: %v", err)
	}
	s := start(t, router.Options{}, ipc.Options{Path: path})
	flush(t, s.dial(t, ipc.ClientOptions{}))
}

// TestLockWithoutAPid has the lock held by a process that did not write its pid.
func TestLockWithoutAPid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	listen(t, path).Close()
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for text, pid := range map[string]int{"": 0, "no number": 0, "4711\n": 4711} {
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatal(err)
		}
		_, err := ipc.Listen(path)
		var held *ipc.InUseError
		if !errors.As(err, &held) || held.PID != pid {
			t.Errorf("lock file %q: %v, want pid %d", text, err, pid)
		}
	}
}

// TestCloseLeavesAnothersSocket has the socket replaced while its server listens.
func TestCloseLeavesAnothersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	l := listen(t, path)
	if err := os.Rename(path, path+".old"); err != nil { // its inode stays taken
		t.Fatal(err)
	}
	another, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer another.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of another is gone: %v", err)
	}
}
