package ipc_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestSocketActivation passes a listening socket as a service manager does. The
// server leaves it where it is.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "activated.sock")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	early := (&server{path: path}).knock(t) // before a server serves
	early.send(hello(frame.Hello{Version: 1}))
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := inherited(t, f)
	c.expect(path)
	early.expect(frame.TypeWelcome)
	client, err := ipc.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	flush(t, client)
	_, err = ipc.Listen(path) // another server
	var held *ipc.InUseError
	if !errors.As(err, &held) || held.PID != c.cmd.Process.Pid {
		t.Errorf("a second server: %v, want InUseError with pid %d", err, c.cmd.Process.Pid)
	}
	second := inherited(t, f)
	second.expect("ipc: listen " + path + ": " + path + " is held by pid")
	flush(t, client)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	c.end()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket is gone: %v", err)
	}
}

// inherited starts a server that is passed descriptors.
func inherited(t *testing.T, fs ...*os.File) *child {
	t.Helper()
	return spawnWith(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = fs
		cmd.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(fs)))
	}, "serveInherited")
}

// TestInheritedIsNoListener passes descriptors that cannot be served on. The error is
// the reason, and all that was passed is closed to programs that are started.
func TestInheritedIsNoListener(t *testing.T) {
	t.Parallel()
	socket := func(kind int) int {
		fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "x.sock")})
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	packets := socket(unix.SOCK_SEQPACKET)
	if err := unix.Listen(packets, 1); err != nil {
		t.Fatal(err)
	}
	internet, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for want, fd := range map[string]int{
		"descriptor 3 is not a stream socket":    packets,
		"descriptor 3 is not a listening socket": socket(unix.SOCK_STREAM),
		"descriptor 3 is not a Unix socket":      internet,
		"descriptor 3 is not a socket":           null,
	} {
		f := os.NewFile(uintptr(fd), "passed")
		defer f.Close()
		inherited(t, f).expect("ipc: LISTEN_FDS: " + want)
		two := inherited(t, f, f)
		two.expect("ipc: LISTEN_FDS passes 2 sockets, want one")
		two.expect("close-on-exec true true")
	}
}

// TestInheritedWithoutALock has a directory in which no lock can be made: the socket is
// served all the same.
func TestInheritedWithoutALock(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "activated.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Rename(dir, dir+"-moved"); err != nil { // not even root can make a file there
		t.Fatal(err)
	}
	c := inherited(t, f)
	c.expect(path)
	flush(t, (&server{path: filepath.Join(dir+"-moved", "activated.sock")}).dial(t, ipc.ClientOptions{NoReconnect: true}))
	c.end()
}

func TestInherited(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	for _, tc := range []struct{ name, pid, fds, want string }{
		{"nothing passed", "", "", ""},
		{"passed to another process", "1", "1", ""},
		{"no number", me, "one", ""},
		{"none", me, "0", ""},
		{"two", me, "2", "passes 2 sockets, want one"},
	} {
		t.Setenv("LISTEN_PID", tc.pid)
		t.Setenv("LISTEN_FDS", tc.fds)
		l, err := ipc.Inherited()
		if l != nil || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v, want %q", tc.name, l, err, tc.want)
		}
	}
}

// TestServeOnAListener hands a listener over: the server closes it.
func TestServeOnAListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	l := listen(t, path)
	s := start(t, router.Options{}, ipc.Options{Listener: l})
	if s.path != path {
		t.Errorf("listens at %q, want %q", s.path, path)
	}
	flush(t, s.dial(t, ipc.ClientOptions{NoReconnect: true}))
	s.stop(t)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}
