package agent_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/logtest"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// patience is how long a test waits for what must come; only a test that fails
// takes that long.
const patience = 20 * time.Second

// running is an agent in this process.
type running struct {
	t      *testing.T
	agent  *agent.Agent
	socket string
	ready  control.Status
	log    *logtest.Buffer
	stop   func() // and wait until Run has returned
}

// start runs an agent on a socket of its own until the test ends, and returns
// when it is ready.
func start(t *testing.T, o agent.Options) *running {
	t.Helper()
	if o.Config == nil {
		o.Config = config.Default()
	}
	if o.Config.Broker.SocketPath == "" {
		o.Config.Broker.SocketPath = socket(t)
	}
	r := &running{t: t, socket: o.Config.Broker.SocketPath, log: &logtest.Buffer{}}
	ready := make(chan control.Status, 1)
	o.Ready = func(s control.Status) { ready <- s }
	o.Command, o.Version = command(t), "test"
	o.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	a, err := agent.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.agent = a
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // awaited by stop
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(r.stop)
	select {
	case r.ready = <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("Run = %v", err)
	case <-time.After(patience):
		t.Fatalf("not ready; log:\n%s", r.log)
	}
	return r
}

// configured returns the defaults with changes.
func configured(change func(c *config.Config)) *config.Config {
	c := config.Default()
	change(c)
	return c
}

// at returns the defaults with that socket.
func at(socket string) *config.Config {
	return configured(func(c *config.Config) { c.Broker.SocketPath = socket })
}

// command is what runs this program as a collector.
func command(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, "collector"}
}

// socket returns a path in a directory that is not there yet, and short enough.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "agent.sock")
}

// collect names collectors to run.
func collect(names ...string) (all []control.ChildConfig) {
	for _, n := range names {
		all = append(all, control.ChildConfig{Collector: n})
	}
	return all
}

// dial connects an operator that ends with the test.
func (r *running) dial(o ipc.ClientOptions) *ipc.Client {
	r.t.Helper()
	o.Path = r.socket
	c, err := ipc.DialOptions(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// status asks the agent over its socket.
func status(t *testing.T, c *ipc.Client) control.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reply, err := c.Request(ctx, control.StatusTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parse[control.Status](t, reply.Payload)
}

func subscribe(t *testing.T, c *ipc.Client, s router.Subscription) router.Subscriber {
	t.Helper()
	sub, err := c.Subscribe(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// await returns the first message that is wanted; the others are let go.
func await(t *testing.T, sub router.Subscriber, what string, wanted func(*router.Message) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for m := range sub.Messages(ctx) {
		if wanted(m) {
			return
		}
	}
	t.Fatalf("%s did not come: %v, %v", what, ctx.Err(), sub.Err())
}

// checkBooks holds that every subscription's matched messages are delivered,
// dropped or queued.
func checkBooks(t *testing.T, s router.Stats) {
	t.Helper()
	for _, sub := range s.Subscriptions {
		if sub.Matched != sub.Delivered+sub.Dropped+uint64(sub.Queued) {
			t.Errorf("%s: %d matched, but %d delivered, %d dropped, %d queued", sub.Name, sub.Matched, sub.Delivered, sub.Dropped, sub.Queued)
		}
	}
	if s.Matched != s.Delivered+s.Dropped+s.Queued {
		t.Errorf("%d matched, but %d delivered, %d dropped, %d queued", s.Matched, s.Delivered, s.Dropped, s.Queued)
	}
}
