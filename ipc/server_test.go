package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// patience is how long a test waits for a thing that must happen: a guard against
// hanging, never a measure.
const patience = 20 * time.Second

// expiry is the ConnectionTimeout where one client exceeds it. The others of the test must
// not: to send a hello or the rest of a frame takes them more than a second on a machine
// that is busy with other tests.
const expiry = 3 * time.Second

// server is a broker on a socket of its own.
type server struct {
	path   string
	broker *router.Broker // nil in another process
	client router.Bus     // set then
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Serve; set before done is closed
	pairs  []*pair
}

// start runs a server until the test ends, and checks then that it ended well
// and that all buffers came back.
func start(t testing.TB, bo router.Options, o ipc.Options) *server {
	t.Helper()
	s := launch(t, bo, o)
	t.Cleanup(func() {
		s.stop(t)
		if n := s.broker.Engine().Pool().Live(); n != 0 {
			t.Errorf("%d bytes of buffers were not released", n)
		}
	})
	return s
}

func launch(t testing.TB, bo router.Options, o ipc.Options) *server {
	t.Helper()
	b, err := router.New(bo)
	if err != nil {
		t.Fatal(err)
	}
	if o.Path == "" && o.Listener == nil {
		o.Path = filepath.Join(t.TempDir(), "run", "bus.sock")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{broker: b, cancel: cancel, done: make(chan struct{})}
	ready := make(chan string, 1)
	o.Ready = func(path string) { ready <- path }
	go func() { // stop waits for it
		defer close(s.done)
		s.err = ipc.Serve(ctx, b, o)
	}()
	select {
	case s.path = <-ready:
	case <-s.done:
		cancel()
		t.Fatal(s.err)
	}
	return s
}

// stop ends the server; it may be called again.
func (s *server) stop(t testing.TB) {
	t.Helper()
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
	if !errors.Is(s.err, ipc.ErrServerClosed) {
		t.Errorf("the server ended with %v", s.err)
	}
}

// hold keeps the server from doing anything until let is called.
func (s *server) hold(t testing.TB) (let func()) {
	t.Helper()
	held, on := make(chan struct{}), make(chan struct{})
	if !s.broker.Engine().Post(func() { close(held); <-on }) {
		t.Fatal("the broker has ended")
	}
	<-held
	let = sync.OnceFunc(func() { close(on) })
	t.Cleanup(let)
	return let
}

// stats asks the broker, through a client where the broker is in another process.
func (s *server) stats(t testing.TB) router.Stats {
	t.Helper()
	if s.broker == nil {
		reply, err := s.client.Request(t.Context(), router.StatsTarget, nil)
		if err != nil {
			t.Fatal(err)
		}
		return decodeStats(t, reply.Payload)
	}
	st, err := s.broker.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// await polls the statistics until ok accepts them.
func (s *server) await(t testing.TB, what string, ok func(*router.Stats) bool) router.Stats {
	t.Helper()
	var st router.Stats
	eventually(t, what, func() bool {
		st = s.stats(t)
		return ok(&st)
	})
	return st
}

// eventually waits until ok is true. Nothing announces that, so it calls ok again and
// again.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// idleBuffers is what a server keeps when nothing is queued: the buffer that it
// reads into, and the one for frames of its own.
const idleBuffers = 256<<10 + 16<<10

// settled waits until nothing is queued any more, and checks the counters: all that
// matched was delivered or dropped, and all buffers are back.
func (s *server) settled(t testing.TB) router.Stats {
	t.Helper()
	for _, p := range s.pairs {
		defer p.pause()()
	}
	st := s.await(t, "nothing queued", func(st *router.Stats) bool { return st.Queued == 0 })
	if st.Matched != st.Delivered+st.Dropped {
		t.Errorf("matched %d, delivered %d + dropped %d", st.Matched, st.Delivered, st.Dropped)
	}
	var by uint64
	for _, n := range st.DroppedBy {
		by += n
	}
	if by != st.Dropped {
		t.Errorf("dropped %d, by reason %d: %v", st.Dropped, by, st.DroppedBy)
	}
	for _, sub := range st.Subscriptions {
		if sub.Matched != sub.Delivered+sub.Dropped {
			t.Errorf("subscription %s: matched %d, delivered %d + dropped %d", sub.Name, sub.Matched, sub.Delivered, sub.Dropped)
		}
	}
	return s.await(t, "buffers released", func(st *router.Stats) bool { return st.BufferBytes <= idleBuffers })
}

// refused waits until faults of that kind have been counted.
func (s *server) refused(t testing.TB, code frame.Code, n uint64) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d refused with %s", n, code), func(st *router.Stats) bool { return st.Refused[code.String()] >= n })
}

// dial connects a client that is closed when the test ends.
func (s *server) dial(t testing.TB, o ipc.ClientOptions) *ipc.Client {
	t.Helper()
	o.Path = s.path
	c, err := ipc.DialOptions(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func subscribe(t testing.TB, bus router.Bus, spec router.Subscription) router.Subscriber {
	t.Helper()
	s, err := bus.Subscribe(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func publisher(t testing.TB, bus router.Bus, topic string) router.Publisher {
	t.Helper()
	p, err := bus.Publisher(topic)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func flush(t testing.TB, bus router.Bus) {
	t.Helper()
	if err := bus.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// within returns a context for calls that must come back.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// TestDescriptorThatLivesOn has another holder of a connection's descriptor when
// that ends, as a process that is being forked is: epoll must not report it any
// more, least of all to a server that is ending.
func TestDescriptorThatLivesOn(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{DrainTimeout: 100 * time.Millisecond})
	// A client that does not read, so that the server has something to wait for at its end.
	stuck := s.greet(t)
	stuck.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	c := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	others := s.descriptors(t)
	p := s.greet(t)
	fds := slices.DeleteFunc(s.descriptors(t), func(fd int) bool { return slices.Contains(others, fd) })
	if len(fds) != 1 {
		t.Fatalf("descriptors %v, want the one of the new client", fds)
	}
	fd, err := unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p.conn.Close()
	s.await(t, "the client is gone", func(st *router.Stats) bool { return len(st.Clients) == 2 })
	for range 1000 {
		if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: make([]byte, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	s.stop(t)
}

// descriptors are the server's ends of its connections.
func (s *server) descriptors(t testing.TB) (fds []int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range open {
		fd, _ := strconv.Atoi(e.Name())
		sa, err := unix.Getsockname(fd)
		if addr, ok := sa.(*unix.SockaddrUnix); err != nil || !ok || addr.Name != s.path {
			continue
		}
		if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listening == 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}
