package agent_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/systemd"
)

// TestTheWatchdogIsFedByProgress: as long as each part moves. One that is stuck shows in
// its health, too, and that it moves again ends both.
func TestTheWatchdogIsFedByProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan chan struct{}, 1)
		var fed atomic.Int64
		p := agent.NewProgress(20*time.Second, func() error { fed.Add(1); return nil })
		p.Watch("broker", func(context.Context) error { return nil })
		p.Watch("manager", func(ctx context.Context) error {
			select {
			case until := <-stuck:
				<-until
			default:
			}
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		look := func(d time.Duration) (int64, control.State) {
			before := fed.Load()
			time.Sleep(d)
			synctest.Wait()
			return fed.Load() - before, p.Health("manager").State
		}
		if n, state := look(time.Minute); n < 12 || state != control.Healthy {
			t.Errorf("fed %d times in a minute with 20 s, manager %v", n, state)
		}
		until := make(chan struct{})
		stuck <- until
		look(20 * time.Second) // the last feed is at most 10 s after the last move
		if n, state := look(time.Minute); n != 0 || state != control.Unhealthy {
			t.Errorf("stuck: fed %d times, manager %v", n, state)
		}
		if h := p.Health("manager"); h.Reason != "it has not moved for 1m20s" && h.Reason != "it has not moved for 1m25s" {
			t.Errorf("manager %+v", h)
		}
		if h := p.Health("broker"); h.State != control.Healthy {
			t.Errorf("broker %+v", h)
		}
		close(until)
		look(5 * time.Second)
		if n, state := look(time.Minute); n < 12 || state != control.Healthy {
			t.Errorf("again: fed %d times, manager %v", n, state)
		}
		cancel()
		<-ended
	})
}

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
