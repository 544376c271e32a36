package agent_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/systemd"
)

// TestWhatTheServiceManagerGets, in order: of the start, of progress, of reloads, of the
// end.
func TestWhatTheServiceManagerGets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "200000")
	service, err := systemd.New()
	if err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("%s did not come: %v", want, err)
			}
			got := string(b[:n])
			if strings.HasPrefix(got, want) {
				return
			}
			// These come in between, at intervals.
			if got != "WATCHDOG=1" && !strings.HasPrefix(got, "STATUS=") {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	good := true
	r := start(t, agent.Options{Service: service, Collectors: collect("echo"), Load: func() (*config.Loaded, error) {
		if good {
			return &config.Loaded{Config: config.Default()}, nil
		}
		return config.Parse("x.yaml", []byte("a: b\n"))
	}})
	next("READY=1\nSTATUS=steady, healthy")
	next("WATCHDOG=1")
	for _, want := range []string{"READY=1\nSTATUS=configuration reloaded, ", "READY=1\nSTATUS=configuration rejected: x.yaml:1:1: a: unknown key"} {
		if _, err := r.agent.Reload(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		next("RELOADING=1\nMONOTONIC_USEC=")
		next(want)
		good = false
	}
	next("WATCHDOG=1")
	go r.stop() // waited for at the end of the test
	next("STOPPING=1")
}
