package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/control"
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
		Socket: socket, Command: []string{self, "collector"}, Collectors: collect(collectors...), Ready: ready,
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

// runStarvedAgent is an agent that has descriptors for its lock and its socket,
// and none for the broker.
func runStarvedAgent(ctx context.Context, socket string) error {
	a, err := newAgent(socket, nil)
	if err != nil {
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
	// The runtime opens its own when it first has to wait for a pipe.
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	before = pollers()
	return a.Run(ctx)
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

// runSubscriber subscribes to what is published below events, and says so.
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
	for range sub.Messages(ctx) {
	}
	return nil
}
