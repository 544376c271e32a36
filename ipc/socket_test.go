package ipc_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// losing is a server that reports what becomes of its socket.
type losing struct {
	*server
	reports chan error
}

func startLosing(t *testing.T, path string) *losing {
	t.Helper()
	l := &losing{reports: make(chan error, 100)}
	l.server = start(t, router.Options{}, ipc.Options{Path: path, OnSocket: func(err error) { l.reports <- err }})
	return l
}

// expect waits for the next report, which has to be want and to have text in it.
func (l *losing) expect(t *testing.T, want error, text string) error {
	t.Helper()
	select {
	case err := <-l.reports:
		if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
			t.Fatalf("reported is %v, want %v with %q", err, want, text)
		}
		return err
	case <-time.After(patience):
		t.Fatalf("not reported: %v", want)
	}
	return nil
}

// reachable holds that clients find the server, and that the socket is as private as it
// was.
func (l *losing) reachable(t *testing.T) {
	t.Helper()
	c, err := ipc.Dial(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]os.FileMode{
		filepath.Dir(l.path): os.ModeDir | 0o700, l.path: os.ModeSocket | 0o600, l.path + ".lock": 0o600,
	} {
		if fi, err := os.Lstat(name); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v %v, want %v", name, fi.Mode(), err, want)
		}
	}
	if other, err := ipc.Listen(l.path); !errors.As(err, new(*ipc.InUseError)) {
		t.Errorf("another server gets the path: %v", err)
		if err == nil {
			other.Close()
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestALostSocketIsBoundAnew has the socket, its lock or the directories that Listen made
// removed under a server that runs. Clients that are connected notice nothing.
func TestALostSocketIsBoundAnew(t *testing.T) {
	for name, lose := range map[string]func(path string) string{
		"the socket":         func(path string) string { return path },
		"its lock":           func(path string) string { return path + ".lock" },
		"its directory":      filepath.Dir,
		"the one above that": func(path string) string { return filepath.Dir(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLosing(t, filepath.Join(t.TempDir(), "a", "run", "x.sock"))
			before := l.newPair(t)
			remove(t, lose(l.path))
			l.expect(t, ipc.ErrSocketRebound, "was removed")
			l.reachable(t)
			before.check()
			st := l.stats(t)
			var op *ipc.OpError
			if !errors.As(st.LastErr, &op) || op.Op != "listen" || op.Path != l.path || !errors.Is(st.LastErr, ipc.ErrSocketRebound) {
				t.Errorf("the statistics' last error is %v", st.LastErr)
			}
		})
	}
}

// TestASocketsPlaceIsTaken has something else at the socket's path: it is left as it is,
// and when it has gone the socket is bound anew.
func TestASocketsPlaceIsTaken(t *testing.T) {
	pid := os.Getpid()
	for name, tc := range map[string]struct {
		take func(t *testing.T, path string) (leave func())
		want string
		pid  int
	}{
		"a file": {func(t *testing.T, path string) func() {
			remove(t, path)
			if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() {
				if b, err := os.ReadFile(path); err != nil || string(b) != "text" {
					t.Errorf("the file has changed: %q, %v", b, err)
				}
				remove(t, path)
			}
		}, "is not a socket", 0},
		"another server": {func(t *testing.T, path string) func() {
			remove(t, filepath.Dir(path))
			other, err := ipc.Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if conn, err := net.Dial("unix", path); err != nil {
					t.Errorf("the other server cannot be reached: %v", err)
				} else {
					conn.Close()
				}
				if err := other.Close(); err != nil {
					t.Error(err)
				}
			}
		}, "is held by pid", pid},
		"a server without a lock": {func(t *testing.T, path string) func() {
			remove(t, path)
			other, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if conn, err := net.Dial("unix", path); err != nil {
					t.Errorf("the other server cannot be reached: %v", err)
				} else {
					conn.Close()
				}
				other.Close()
			}
		}, "is held by pid", pid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLosing(t, filepath.Join(t.TempDir(), "run", "x.sock"))
			before := l.newPair(t)
			leave := tc.take(t, l.path)
			err := l.expect(t, ipc.ErrSocketLost, tc.want)
			var inUse *ipc.InUseError
			if errors.As(err, &inUse) != (tc.pid != 0) || inUse != nil && (inUse.PID != tc.pid || inUse.Path != l.path) {
				t.Errorf("%v does not name pid %d", err, tc.pid)
			}
			before.check()
			leave()
			l.expect(t, ipc.ErrSocketRebound, "")
			l.reachable(t)
		})
	}
}

// TestADirectoryOfOthersIsNotMadeAgain has a directory go that was there before the
// server: the server waits until it is there again, and private.
func TestADirectoryOfOthersIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "session")
	mkdir := func(mode os.FileMode) {
		t.Helper()
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(0o700)
	l := startLosing(t, filepath.Join(dir, "x.sock"))
	remove(t, dir)
	l.expect(t, ipc.ErrSocketLost, "no such file or directory")
	mkdir(0o755)
	l.expect(t, ipc.ErrSocketLost, "is open to others (mode 0755, want 0700)")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.expect(t, ipc.ErrSocketRebound, "was removed")
	l.reachable(t)
}
