package ipc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// serveIdle serves with a rate of one message a second for the role "slow", and takes
// commands from its standard input: "close" leaves it no descriptor, "open" gives them
// back.
func serveIdle() error {
	b, err := router.New(router.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		defer cancel()
		var was unix.Rlimit
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			switch in.Text() {
			case "close":
				unix.Getrlimit(unix.RLIMIT_NOFILE, &was)
				printLine("closed %v", unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}))
			case "open":
				printLine("open %v", unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
			}
		}
	}()
	err = ipc.Serve(ctx, b, ipc.Options{
		Path: os.Args[1], Ready: func(path string) { printLine("%s", path) },
		Policy: ratedRole{}, DrainTimeout: patience,
	})
	if !errors.Is(err, ipc.ErrServerClosed) {
		return err
	}
	return nil
}

// ratedRole admits all peers, and bounds the rate of those with the role "slow".
type ratedRole struct{}

func (ratedRole) Admit(p *policy.Peer) (policy.Grant, error) {
	g := policy.Grant{Name: p.Name, Role: p.Role}
	if p.Role == "slow" {
		g.PublishRate = 1
	}
	return g, nil
}

// processor returns how much processor time the child has used, in ticks of the
// kernel: hundredths of a second.
func (c *child) processor() int {
	c.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ") // after the name
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		c.t.Fatal(err)
	}
	return user + system
}

// TestStuckClientsCostNothing holds that the server sleeps although its sockets have
// events that it does not want. epoll reports the same events again and again, and some
// of them although they were not asked for.
func TestStuckClientsCostNothing(t *testing.T) {
	t.Parallel()
	c := spawn(t, "serveIdle", t.TempDir()+"/run/bus.sock")
	s := &server{path: c.line()}

	// Its socket is full.
	blocked := s.greet(t)
	blocked.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	// Its socket is full, and it has drained and ended its half of the stream.
	draining := s.greet(t)
	draining.subscribe(1, router.Subscription{Patterns: []string{"events.#"}})
	pub := s.dial(t, ipc.ClientOptions{NoReconnect: true})
	out := publisher(t, pub, "events.a")
	for range 2000 {
		if err := out.Publish(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, pub)
	draining.send(encode(frame.Fields{Type: frame.TypeDrain}), message(1, "events.a", "after drain"))
	draining.conn.CloseWrite()
	// It is not read, because it was too fast, and has ended its half.
	paused := s.knock(t)
	paused.send(hello(frame.Hello{Name: "paused", Role: "slow", Version: 1}))
	paused.expect(frame.TypeWelcome)
	paused.send(message(1, "events.b", ""), message(2, "events.b", ""), message(3, "events.b", ""))
	flush(t, pub)
	paused.send(message(4, "events.b", ""))
	paused.conn.CloseWrite()
	// It does not take its answers.
	backlogged := s.greet(t)
	bad := altered(message(1, "events.a", ""), 5, 99)
	if err := backlogged.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		_, err = backlogged.conn.Write(bad)
	}
	// It has sent half of its hello.
	s.knock(t).send(hello(frame.Hello{Version: 1})[:30])
	flush(t, pub)

	idle := func(what string) {
		t.Helper()
		// What it has to do yet may take it a while, but not for ever.
		for deadline := time.Now().Add(patience); ; {
			before := c.processor()
			<-time.After(300 * time.Millisecond) // over which is measured, whatever it lasts
			used := c.processor() - before
			if used <= 5 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d ticks of processor time in 30", what, used)
			}
		}
	}
	idle("stuck clients")

	// A client connects, and there is no descriptor to accept it with.
	if _, err := c.stdin.Write([]byte("close\n")); err != nil {
		t.Fatal(err)
	}
	c.expect("closed <nil>")
	p := s.knock(t)
	p.send(hello(frame.Hello{Version: 1}))
	flush(t, pub)
	idle("a connection that cannot be accepted")
	if _, err := c.stdin.Write([]byte("open\n")); err != nil {
		t.Fatal(err)
	}
	c.expect("open <nil>")
	p.expect(frame.TypeWelcome)

	// The server ends, and some clients go while others do not take what is queued.
	c.stdin.Close()
	p.expectEnd(frame.CodeShutdown)
	paused.conn.Close()
	if err := pub.Close(); err != nil {
		t.Error(err)
	}
	s.knock(t) // a server that ends takes in no client
	idle("ending")
	for _, p := range []*peer{blocked, draining, backlogged} {
		p.conn.Close()
	}
	c.end()
}
