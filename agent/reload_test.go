package agent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// reloadable is an agent whose configuration a test writes.
type reloadable struct {
	*running
	path  string
	level *slog.LevelVar
}

func startReloadable(t *testing.T) *reloadable {
	t.Helper()
	r := &reloadable{path: filepath.Join(t.TempDir(), "config.yaml"), level: new(slog.LevelVar)}
	r.write(t, "")
	r.running = start(t, agent.Options{Level: r.level, Load: r.load})
	return r
}

func (r *reloadable) load() (*config.Loaded, error) {
	return config.Load(config.Sources{File: r.path})
}

func (r *reloadable) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask sends a reload request and returns the answer.
func (r *reloadable) ask(t *testing.T, c *ipc.Client) control.Reloaded {
	t.Helper()
	reply, err := c.Request(t.Context(), control.ReloadTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parse[control.Reloaded](t, reply.Payload)
}

// The agent of these tests listens on a socket that start chose, so that each file
// must name it.
func (r *reloadable) text(rest string) string {
	return fmt.Sprintf("broker:\n  socket_path: %s\n%s", r.socket, rest)
}

func TestAReloadAnswersWithWhatChanged(t *testing.T) {
	r := startReloadable(t)
	client := r.dial(ipc.ClientOptions{})
	r.write(t, r.text("  max_message_size: 2MiB\nlog: {level: error}\n"))
	change := config.Change{Key: "broker.max_message_size", Old: "1MiB", New: "2MiB", Restart: true}
	want := control.Reloaded{Changes: []config.Change{change, {Key: "log.level", Old: "info", New: "error"}}}
	got := r.ask(t, client)
	if got.Rules == nil || got.Rules.Active == 0 {
		t.Errorf("rules: %+v", got.Rules)
	}
	got.Rules = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r.level.Level() != slog.LevelError {
		t.Errorf("the level is %v", r.level.Level())
	}
	if got := status(t, client).RestartFor; !cmp.Equal(got, []string{"broker.max_message_size"}) {
		t.Errorf("the status says that a restart is needed for %v", got)
	}
	// The same again: only what waits is still different.
	if got := r.ask(t, client).Changes; !cmp.Equal(got, []config.Change{change}) {
		t.Errorf("once more: %v", got)
	}
	r.write(t, r.text("log: {level: debug}\n"))
	r.ask(t, client)
	if got := status(t, client).RestartFor; len(got) > 0 || r.level.Level() != slog.LevelDebug {
		t.Errorf("taken back: a restart is needed for %v, level %v", got, r.level.Level())
	}
}

func TestARejectedFileChangesNothing(t *testing.T) {
	r := startReloadable(t)
	client := r.dial(ipc.ClientOptions{})
	// What is right in it must not come into force either.
	r.write(t, r.text("  max_conections: 9\nlog: {level: error}\n"))
	want := control.Reloaded{Mistakes: []string{r.path + ":3:3: broker.max_conections: unknown key; do you mean broker.max_connections?"}}
	if diff := cmp.Diff(want, r.ask(t, client)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r.level.Level() != slog.LevelInfo {
		t.Errorf("the level is %v", r.level.Level())
	}
	if !strings.Contains(r.log.String(), `level=ERROR msg="configuration rejected" by=request mistakes=`) {
		t.Errorf("log:\n%s", r.log)
	}
}

// TestLimitsFollowAReload: raised for the next client, while those that are connected
// stay; lowered, and what is wrong beside them changes nothing.
func TestLimitsFollowAReload(t *testing.T) {
	r := startReloadable(t)
	client := r.dial(ipc.ClientOptions{})
	const limits = "  max_connections: 9\n  message_buffer_size: 77\n  max_subscriptions: 3\n  max_requests: 4\n  heartbeat_secs: 20\n  overflow_policies: [conflate]\n"
	r.write(t, r.text(limits))
	if got := r.ask(t, client); len(got.Changes) != 6 || len(got.Waiting()) > 0 || len(got.Mistakes) > 0 {
		t.Errorf("%+v", got)
	}
	var next *ipc.Client
	eventually(t, "the next client has them", func() bool {
		next = r.dial(ipc.ClientOptions{})
		w := next.Welcome()
		return w.MaxConnections == 9 && w.MaxQueued == 77 && w.MaxSubscriptions == 3 && w.MaxRequests == 4 && w.HeartbeatMs == 20_000
	})
	if _, err := next.Subscribe(t.Context(), router.Subscription{Patterns: []string{"#"}, Overflow: router.DropNewest}); !errors.Is(err, router.ErrDenied) {
		t.Errorf("a policy that is not allowed any more: %v", err)
	}
	if got := status(t, next).MaxConnections; got != 9 {
		t.Errorf("the status has %d connections at most", got)
	}
	r.write(t, r.text("  max_connections: 7\n  max_subscriptions: 0\n"))
	if got := r.ask(t, client); len(got.Mistakes) != 1 || !strings.Contains(got.Mistakes[0], "broker.max_subscriptions is 0, want 1 to 100000") {
		t.Errorf("%+v", got)
	}
	if w := r.dial(ipc.ClientOptions{}).Welcome(); w.MaxConnections != 9 {
		t.Errorf("after a rejected reload: %+v", w)
	}
}

func TestAnAgentWithoutASourceRefusesToReload(t *testing.T) {
	r := start(t, agent.Options{})
	if _, err := r.dial(ipc.ClientOptions{}).Request(t.Context(), control.ReloadTarget, nil); err == nil || !strings.Contains(err.Error(), "cannot read its configuration again") {
		t.Errorf("Request = %v", err)
	}
}

// TestStatisticsFollowAReload: off, on, and their interval.
func TestStatisticsFollowAReload(t *testing.T) {
	var c atomic.Pointer[config.Config]
	c.Store(configured(func(c *config.Config) { c.Broker.EnableStatistics = false; c.Broker.StatsInterval = time.Millisecond }))
	r := start(t, agent.Options{Config: c.Load(), Load: func() (*config.Loaded, error) { return &config.Loaded{Config: c.Load()}, nil }})
	count := func() int { return strings.Count(r.log.String(), "msg=statistics") }
	on := *c.Load()
	on.Broker.EnableStatistics = true
	if count() > 0 {
		t.Error("there are statistics though they are off")
	}
	c.Store(&on)
	if _, err := r.agent.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "statistics", func() bool { return count() > 2 })
}

// TestReloadsUnderLoad: a hundred, every other one of a wrong file, two at a time,
// while messages pass. None is lost, and their order stays.
func TestReloadsUnderLoad(t *testing.T) {
	r := startReloadable(t)
	client := r.dial(ipc.ClientOptions{})
	var next, gaps atomic.Uint64
	mistake := make(chan error, 1)
	_, err := client.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.demo"}, Handler: func(m *router.Message) {
		if m.Gap != nil {
			gaps.Add(m.Gap.Count)
			return
		}
		if n := binary.LittleEndian.Uint64(m.Payload); !next.CompareAndSwap(n, n+1) {
			select {
			case mistake <- fmt.Errorf("message %d came instead of %d", n, next.Load()):
			default:
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := r.dial(ipc.ClientOptions{}).Publisher("events.demo")
	if err != nil {
		t.Fatal(err)
	}
	var working sync.WaitGroup
	stop := make(chan struct{})
	var sent atomic.Uint64
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if sent.Load()-next.Load() > 500 { // the queue holds 1000
				continue
			}
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], sent.Load())
			if err := publisher.Publish(b[:]); err != nil {
				t.Error(err)
				return
			}
			sent.Add(1)
		}
	})
	operators := []*ipc.Client{r.dial(ipc.ClientOptions{}), r.dial(ipc.ClientOptions{})}
	for i := range 100 {
		most := 70 + i/2%2
		text := r.text(fmt.Sprintf("  max_connections: %d\nlog: {level: %s}\n", most, []string{"warn", "error"}[i/2%2]))
		if i%2 == 1 { // of what is right in it nothing may come into force
			text = r.text("  max_connections: 99\nlog: {level: debug}\nwrong")
		}
		r.write(t, text)
		var asking sync.WaitGroup
		for _, o := range operators {
			asking.Go(func() {
				reply, err := o.Request(t.Context(), control.ReloadTarget, nil)
				if err != nil || bytes.Contains(reply.Payload, []byte("mistakes")) != (i%2 == 1) {
					t.Errorf("reload %d: %v, %s", i, err, reply.Payload)
				}
			})
		}
		asking.Wait()
		if want := []slog.Level{slog.LevelWarn, slog.LevelError}[i/2%2]; r.level.Level() != want {
			t.Fatalf("after reload %d the level is %v, want %v", i, r.level.Level(), want)
		}
		if got := status(t, operators[0]).MaxConnections; got != most {
			t.Fatalf("after reload %d there may be %d connections, want %d", i, got, most)
		}
	}
	close(stop)
	working.Wait()
	eventually(t, "all messages", func() bool { return next.Load()+gaps.Load() >= sent.Load() })
	select {
	case err = <-mistake:
	default:
	}
	if err != nil || gaps.Load() > 0 || sent.Load() == 0 {
		t.Errorf("%d messages, %d lost; %v", sent.Load(), gaps.Load(), err)
	}
}

// TestAReloadAddsRemovesAndChangesCollectors, and does not touch the one that stays.
func TestAReloadAddsRemovesAndChangesCollectors(t *testing.T) {
	var wanted atomic.Pointer[[]manager.Spec]
	want := func(all ...control.ChildConfig) {
		specs := make([]manager.Spec, len(all))
		for i, c := range all {
			specs[i].Config = c
		}
		wanted.Store(&specs)
	}
	echo := control.ChildConfig{Collector: "echo"}
	want(echo, control.ChildConfig{Collector: "bulky"})
	r := start(t, agent.Options{
		Load:       func() (*config.Loaded, error) { return &config.Loaded{Config: config.Default()}, nil },
		Configured: func(*config.Config) ([]manager.Spec, error) { return *wanted.Load(), nil },
	})
	client := r.dial(ipc.ClientOptions{})
	running := func() map[string]int {
		all := map[string]int{}
		for _, c := range status(t, client).Collectors {
			all[c.Name] = 0
			if c.State == control.CollectorRunning {
				all[c.Name] = c.PID
			}
		}
		return all
	}
	before := running()
	want(echo, control.ChildConfig{Collector: "flood", Settings: mark("/")})
	if _, err := r.agent.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the collectors are what they should be", func() bool {
		now := running()
		_, old := now["bulky"]
		return len(now) == 2 && !old && now["flood"] != 0 && now["echo"] == before["echo"]
	})
	flood := running()["flood"]
	want(echo, control.ChildConfig{Collector: "flood", Settings: mark("/tmp")})
	if _, err := r.agent.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the one that has changed is started again, and the other is not", func() bool {
		now := running()
		return now["flood"] != 0 && now["flood"] != flood && now["echo"] == before["echo"]
	})
	want(echo, echo)
	if got, err := r.agent.Reload(t.Context(), "test"); err != nil || len(got.Mistakes) == 0 || running()["echo"] != before["echo"] {
		t.Errorf("a set that cannot be: %+v, %v", got, err)
	}
}
