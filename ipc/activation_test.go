package ipc_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestSocketActivation passes a listening socket as a service manager does. The
// server leaves it where it is.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "activated.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	early := (&server{path: path}).knock(t) // before anybody serves
	early.send(hello(frame.Hello{Version: 1}))
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := spawnWith(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{f}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	}, "serveInherited")
	c.expect(path)
	early.expect(frame.TypeWelcome)
	client, err := ipc.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	flush(t, client)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	c.end()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket is gone: %v", err)
	}
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
