package systemd_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/systemd"
)

// manager is a service manager with its socket.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func receive(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// started has the environment of a service with that socket and watchdog.
func started(t *testing.T, socket, usec, pid string) (*systemd.Notifier, error) {
	t.Helper()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", usec)
	t.Setenv("WATCHDOG_PID", pid)
	return systemd.New()
}

func TestWhatIsSent(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@daemoneye-test-" + fmt.Sprint(os.Getpid())} {
		m := manager(t, name)
		n, err := started(t, name, "", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("all\nis \x00well ") }, "^READY=1\nSTATUS=all is well$"},
			{n.Reloading, `^RELOADING=1` + "\n" + `MONOTONIC_USEC=[0-9]+$`},
			{n.Stopping, "^STOPPING=1\nSTATUS=shutting down$"},
			{n.Alive, "^WATCHDOG=1$"},
			{func() error { return n.Status("degraded: x\nREADY=1") }, "^STATUS=degraded: x READY=1$"},
		} {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, m); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		}
	}
}

func TestWhoStartsTheProcess(t *testing.T) {
	self := fmt.Sprint(os.Getpid())
	tests := []struct {
		name, socket, usec, pid string
		none                    bool
		watchdog                time.Duration
		mistake                 string
	}{
		{"nobody", "", "", "", true, 0, ""},
		{"nobody, with a watchdog", "", "1000", "", true, 0, ""},
		{"a manager without a watchdog", "/x", "", "", false, 0, ""},
		{"a manager with a watchdog", "/x", "30000000", self, false, 30 * time.Second, ""},
		{"a watchdog for whoever it is", "/x", "1500", "", false, 1500 * time.Microsecond, ""},
		{"the watchdog of another process", "/x", "1500", "1", false, 0, ""},
		{"no path", "x", "", "", true, 0, `NOTIFY_SOCKET is "x"`},
		{"a virtual socket", "vsock:2:1", "", "", true, 0, `NOTIFY_SOCKET is "vsock:2:1"`},
		{"no time", "/x", "soon", "", false, 0, `WATCHDOG_USEC is "soon"`},
		{"a time of 0", "/x", "0", "", false, 0, `WATCHDOG_USEC is "0"`},
		{"an absurd time", "/x", "9223372036854775807", "", false, 0, `WATCHDOG_USEC is "9223372036854775807"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := started(t, tt.socket, tt.usec, tt.pid)
			if (err != nil) != (tt.mistake != "") || err != nil && !strings.Contains(err.Error(), tt.mistake) {
				t.Errorf("New = %v", err)
			}
			if (n == nil) != tt.none || n.Watchdog() != tt.watchdog {
				t.Errorf("notifier %v, watchdog %v", n, n.Watchdog())
			}
			for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
				if _, ok := os.LookupEnv(name); ok {
					t.Errorf("%s goes on to other programs", name)
				}
			}
		})
	}
}

func TestWithoutAManagerNothingIsSent(t *testing.T) {
	var n *systemd.Notifier
	for _, err := range []error{n.Ready("x"), n.Reloading(), n.Stopping(), n.Alive(), n.Status("x")} {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestAManagerThatDoesNotRead delays a message, and does not stop the service.
func TestAManagerThatDoesNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager(t, name)
	n, err := started(t, name, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		if err := n.Alive(); err != nil {
			if !strings.Contains(err.Error(), "timeout") {
				t.Errorf("Alive = %v", err)
			}
			return
		}
	}
	t.Error("the socket takes everything")
}

func TestAManagerThatHasGone(t *testing.T) {
	n, err := started(t, filepath.Join(t.TempDir(), "none"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Alive(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Alive = %v", err)
	}
}
