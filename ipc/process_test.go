package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// serveAt runs a server until stdin ends.
func serveAt(o ipc.Options) error {
	b, err := router.New(router.Options{})
	if err != nil {
		return err
	}
	o.Ready = func(path string) { printLine("%s", path) }
	if err := ipc.Serve(untilStdinEnds(), b, o); !errors.Is(err, ipc.ErrServerClosed) {
		return err
	}
	return nil
}

func serveRole() error { return serveAt(ipc.Options{Path: os.Args[1]}) }

// serveWithoutDescriptors serves in a process that may have twenty descriptors.
func serveWithoutDescriptors() error {
	dir, err := os.MkdirTemp("", "ipc")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := ipc.Listen(filepath.Join(dir, "run", "bus.sock"))
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 20, Max: 20}); err != nil {
		return err
	}
	return serveAt(ipc.Options{Listener: l, MaxConnections: 1000})
}

// serveInherited serves on the socket that its parent passed.
func serveInherited() error {
	// A parent cannot know the pid in advance; a service manager sets it
	// between fork and exec.
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	l, err := ipc.Inherited()
	if err != nil {
		printLine("%v", err)
		var closed [2]bool
		for i := range closed {
			flags, err := unix.FcntlInt(uintptr(3+i), unix.F_GETFD, 0)
			closed[i] = err == nil && flags&unix.FD_CLOEXEC != 0
		}
		printLine("close-on-exec %t %t", closed[0], closed[1])
		return nil
	}
	if l == nil {
		return errors.New("no socket was passed")
	}
	return serveAt(ipc.Options{Listener: l})
}

// publishRole floods, with frames that are larger than a socket, so that it is
// always inside one.
func publishRole() error {
	c, err := ipc.Dial(context.Background(), os.Args[1])
	if err != nil {
		return err
	}
	p, err := c.Publisher("events.child")
	if err != nil {
		return err
	}
	payload := make([]byte, 900<<10)
	for i := 0; ; i++ {
		if err := p.Publish(payload); err != nil {
			return err
		}
		if i == 10 {
			printLine("publishing")
		}
	}
}

// publishHalfRole publishes three messages and a part of a fourth.
func publishHalfRole() error {
	c, err := net.Dial("unix", os.Args[1])
	if err != nil {
		return err
	}
	b := hello(frame.Hello{Name: "half", Version: 1})
	payload := string(make([]byte, 100<<10))
	for id := range uint64(4) {
		b = append(b, message(id, "events.child", payload)...)
	}
	if _, err := c.Write(b[:len(b)-50<<10]); err != nil {
		return err
	}
	printLine("published")
	<-untilStdinEnds().Done()
	return nil
}

// subscribeRole takes large messages, slowly: it prints one line for each.
func subscribeRole() error {
	c, err := ipc.Dial(context.Background(), os.Args[1])
	if err != nil {
		return err
	}
	s, err := c.Subscribe(context.Background(), router.Subscription{Patterns: []string{"events.large"}, SubscriberID: "child"})
	if err != nil {
		return err
	}
	printLine("subscribed")
	for range s.Messages(untilStdinEnds()) {
		printLine("got one")
	}
	return nil
}

// requestRole answers no request.
func requestRole() error {
	c, err := ipc.Dial(context.Background(), os.Args[1])
	if err != nil {
		return err
	}
	_, err = c.Respond(context.Background(), "child.ask", func(ctx context.Context, _ *router.Request) ([]byte, error) {
		printLine("asked")
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err != nil {
		return err
	}
	printLine("responding")
	<-untilStdinEnds().Done()
	return nil
}

// whoamiRole tries to publish and to subscribe, and prints the results.
func whoamiRole() error {
	ctx := untilStdinEnds()
	c, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: os.Args[1], Name: "child", Role: os.Args[2], NoReconnect: true})
	if err != nil {
		printLine("refused: %v", err)
		return nil
	}
	if _, err := c.Subscribe(ctx, router.Subscription{Patterns: []string{os.Args[3]}}); err != nil {
		printLine("subscribe: %v", err)
		return nil
	}
	printLine("welcome")
	return c.Close()
}

// TestKillInsideAFrame kills a publisher that has written a part of a frame: the frames
// that it wrote whole are routed, and the rest is a fault that is counted.
func TestKillInsideAFrame(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	c := spawn(t, "publishHalf", s.path)
	c.expect("published")
	c.kill()
	s.refused(t, frame.CodeLength, 1)
	others.check()
	st := s.settled(t)
	if want := others.sent + 3; st.Published != want || st.Refused[frame.CodeLength.String()] != 1 || len(st.Refused) != 1 {
		t.Errorf("published %d, want %d; refused %v", st.Published, want, st.Refused)
	}
}

// TestKillPublisher kills one in the middle of a flood.
func TestKillPublisher(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	sub := s.dial(t, ipc.ClientOptions{})
	subscribe(t, sub, router.Subscription{Patterns: []string{"events.child"}, Handler: func(m *router.Message) {
		if m.Gap == nil && len(m.Payload) != 900<<10 {
			t.Errorf("a message of %d bytes", len(m.Payload))
		}
	}})
	c := spawn(t, "publish", s.path)
	c.expect("publishing")
	c.kill()
	s.await(t, "the publisher is gone", func(st *router.Stats) bool { return len(st.Clients) == 3 })
	others.check()
	st := s.settled(t)
	if n := st.Refused[frame.CodeLength.String()]; n > 1 || len(st.Refused) > 1 {
		t.Errorf("refused %v, want the frame that it was in at most", st.Refused)
	}
}

// TestKillServerInsideAFrame kills a broker whose client has a part of a message: frames
// are larger than what sockets hold, and the client takes one only. It never sees the
// part, and goes on with the next broker.
func TestKillServerInsideAFrame(t *testing.T) {
	t.Parallel()
	const size = 900 << 10
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	c := spawn(t, "serve", path)
	c.expect(path)
	first := &server{path: path}
	inside, let := make(chan struct{}), make(chan struct{})
	seen := make(chan *router.Message, 10)
	taken := 0
	states := make(chan error, 10)
	sub := first.dial(t, ipc.ClientOptions{OnState: func(err error) { states <- err }})
	subscribe(t, sub, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
		if taken++; taken == 1 {
			close(inside)
			<-let
		}
		seen <- m.Clone()
	}})
	pub := first.dial(t, ipc.ClientOptions{NoReconnect: true})
	for range 8 {
		if err := pub.Publish(t.Context(), router.Outgoing{Topic: "events.large", Payload: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	<-inside
	flush(t, pub) // the broker has them all
	c.kill()
	close(let)
	if err := <-states; err == nil {
		t.Error("the client says that it is connected")
	}
	s := start(t, router.Options{}, ipc.Options{Path: path})
	if err := <-states; err != nil {
		t.Errorf("the client says %v", err)
	}
	flush(t, sub) // it has subscribed again
	if err := s.dial(t, ipc.ClientOptions{}).Publish(t.Context(), router.Outgoing{Topic: "events.a", Payload: []byte("after")}); err != nil {
		t.Fatal(err)
	}
	whole := 0
	for m := range seen {
		if m.Gap != nil {
			if m.Gap.Reason != frame.ReasonConnection {
				t.Errorf("%s", m.Gap)
			}
			break
		}
		if whole++; len(m.Payload) != size {
			t.Errorf("a message of %d bytes", len(m.Payload))
		}
	}
	if whole == 0 || whole == 8 {
		t.Errorf("got %d of 8 messages before the end, want some", whole)
	}
	if m := <-seen; string(m.Payload) != "after" {
		t.Errorf("got %d bytes, want what came after", len(m.Payload))
	}
	s.settled(t)
}

// TestKillSubscriber kills one that has half a frame in its socket.
func TestKillSubscriber(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	c := spawn(t, "subscribe", s.path)
	c.expect("subscribed")
	out := publisher(t, others.pub, "events.large")
	for range 40 {
		if err := out.Publish(make([]byte, 900<<10)); err != nil {
			t.Fatal(err)
		}
	}
	c.expect("got one")
	c.kill()
	s.await(t, "the subscriber is gone", func(st *router.Stats) bool { return len(st.Clients) == 2 })
	others.check()
	s.settled(t)
}

// TestKillResponder kills a responder during a request: the client that asked gets an
// error at once.
func TestKillResponder(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	others := s.newPair(t)
	c := spawn(t, "request", s.path)
	c.expect("responding")
	client := s.dial(t, ipc.ClientOptions{})
	result := make(chan error, 1)
	go func() { // ends with the answer
		_, err := client.Request(within(t), "child.ask", nil)
		result <- err
	}()
	c.expect("asked")
	c.kill()
	if err := <-result; !errors.Is(err, router.ErrResponderDied) {
		t.Errorf("%v, want ErrResponderDied", err)
	}
	others.check()
	s.settled(t)
}

// TestKillServer kills the broker under its clients, and starts another: the socket is
// taken over, and clients come back and announce what they lost.
func TestKillServer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "bus.sock")
	c := spawn(t, "serve", path)
	c.expect(path)
	_, err := ipc.Listen(path)
	var held *ipc.InUseError
	if !errors.As(err, &held) || held.PID != c.cmd.Process.Pid {
		t.Errorf("%v, want InUseError with pid %d", err, c.cmd.Process.Pid)
	}
	first := &server{path: path}
	states := make(chan error, 10)
	client := first.dial(t, ipc.ClientOptions{OnState: func(err error) { states <- err }})
	messages := make(chan *router.Message, 10)
	subscribe(t, client, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) { messages <- m.Clone() }})
	out := publisher(t, client, "events.a")
	if err := out.Publish([]byte("before")); err != nil {
		t.Fatal(err)
	}
	if m := <-messages; string(m.Payload) != "before" {
		t.Errorf("got %q", m.Payload)
	}
	c.kill()
	if err := <-states; err == nil {
		t.Error("the client says that it is connected")
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("a server is listening")
	}
	if err := out.Publish([]byte("while away")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Request(within(t), "a.b", nil); !errors.Is(err, ipc.ErrDisconnected) {
		t.Errorf("request while away: %v", err)
	}
	s := start(t, router.Options{}, ipc.Options{Path: path})
	if err := <-states; err != nil {
		t.Errorf("the client says %v", err)
	}
	if m := <-messages; m.Gap == nil || m.Gap.Reason != frame.ReasonConnection {
		t.Errorf("got %q, want a gap", m.Payload)
	}
	if m := <-messages; string(m.Payload) != "while away" || m.Sequence != 1 {
		t.Errorf("got %q, sequence %d", m.Payload, m.Sequence)
	}
	flush(t, client)
	s.settled(t)
}
