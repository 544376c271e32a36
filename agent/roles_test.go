package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// newAgent makes an agent of this program's for a socket, with the collectors
// that are named.
func newAgent(socket string, ready func(control.Status), collectors ...string) (*agent.Agent, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return agent.New(agent.Options{
		Config: at(socket), Command: []string{self, "collector"}, Collectors: collect(collectors...), Ready: ready,
	})
}

// runAgent is an agent that a test kills.
func runAgent(ctx context.Context, socket string) error {
	a, err := newAgent(socket, nil, "flood")
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// runStoppedAgent is an agent that a test stops for longer than heartbeats may be missed. It
// writes its log, and that it is ready, to standard output.
func runStoppedAgent(ctx context.Context, socket string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	a, err := agent.New(agent.Options{
		Config: at(socket), Command: []string{self, "collector"}, Collectors: collect("echo"),
		Supervision: life.Options{Beat: 500 * time.Millisecond},
		Logger:      slog.New(slog.NewTextHandler(os.Stdout, nil)), Ready: func(control.Status) { fmt.Println("ready") },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// runExternalAgent is an agent with an external collector, that a test kills.
func runExternalAgent(ctx context.Context, socket string) error {
	a, err := agent.New(agent.Options{
		Config: at(socket), Configured: external(ours), Listening: func(string) { fmt.Println("listening") },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// runStarvedAgent is an agent that has descriptors for its lock and its socket,
// and none for the broker.
func runStarvedAgent(ctx context.Context, socket string) error {
	a, err := newAgent(socket, nil)
	if err != nil {
		return err
	}
	if err := openRuntimePoller(); err != nil {
		return err
	}
	const needed = 2
	last := -1
	var held []int
	for range needed {
		if last, err = unix.Dup(0); err != nil {
			return err
		}
		held = append(held, last)
	}
	for _, fd := range held {
		unix.Close(fd)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(last + 1), Max: uint64(last + 1)}); err != nil {
		return err
	}
	return a.Run(ctx)
}

// runBrokenAgent is an agent whose broker fails once all is well: the descriptor
// that it waits on is closed.
func runBrokenAgent(ctx context.Context, socket string) error {
	var before map[string]bool // the Go runtime's own
	a, err := newAgent(socket, func(s control.Status) {
		fmt.Println(s.Collectors[0].PID)
		for fd := range pollers() {
			if !before[fd] {
				var n int
				if _, err := fmt.Sscan(fd, &n); err == nil {
					unix.Close(n)
				}
			}
		}
	}, "echo")
	if err != nil {
		return err
	}
	if err := openRuntimePoller(); err != nil {
		return err
	}
	before = pollers()
	return a.Run(ctx)
}

// openRuntimePoller has the Go runtime open the descriptors that it waits on, which it
// does when it first has to wait for a pipe.
func openRuntimePoller() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	return errors.Join(r.Close(), w.Close())
}

// pollers returns the descriptors of this process that are epoll's.
func pollers() map[string]bool {
	all := map[string]bool{}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == "anon_inode:[eventpoll]" {
			all[filepath.Base(l)] = true
		}
	}
	return all
}

// runSubscriber prints that it has subscribed to events.demo, and then what it is shown:
// the size of a message, or why there is a gap.
func runSubscriber(ctx context.Context, socket string) error {
	client, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: socket})
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.Subscribe(ctx, router.Subscription{SubscriberID: "stuck", Patterns: []string{"events.demo"}})
	if err != nil {
		return err
	}
	fmt.Println("subscribed")
	for m := range sub.Messages(ctx) {
		if m.Gap != nil {
			fmt.Println("gap", m.Gap.Reason)
			continue
		}
		if len(bytes.Trim(m.Payload, "x")) > 0 {
			return errors.New("a message is not as it was published")
		}
		fmt.Println(len(m.Payload))
	}
	return nil
}

// tear writes the first half of a frame to the agent's socket, where the client
// has nothing on its way, and kills this process.
func tear(ctx context.Context, client *ipc.Client, socket string) error {
	if err := client.Flush(ctx); err != nil {
		return err
	}
	f, err := frame.Append(nil, &frame.Fields{Type: frame.TypePublish, Topic: "events.torn.half", Priority: frame.NormalPriority, Payload: make([]byte, 1000)})
	if err != nil {
		return err
	}
	for fd := range 100 {
		peer, err := unix.Getpeername(fd)
		if to, ok := peer.(*unix.SockaddrUnix); err != nil || !ok || to.Name != socket {
			continue
		}
		if _, err := unix.Write(fd, f[:len(f)/2]); err != nil {
			return err
		}
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	return errors.New("the agent's socket was not found")
}
