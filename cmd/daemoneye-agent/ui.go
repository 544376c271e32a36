package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// Exit statuses.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitDegraded
	exitUnhealthy
	exitNoAgent
)

// usageError is a wrong command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// statusError ends the program with a status, without a message.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exit tells what went wrong and what could help, and returns the status.
func (p *program) exit(name string, err error) int {
	var status statusError
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		return exitOK // Ctrl-C is how one ends it
	case errors.Is(err, unix.EPIPE):
		return exitOK // whoever read our output has enough
	}
	fmt.Fprintf(p.err, "daemoneye-agent: error: %s: %v\n", name, err)
	if h := hint(name, err); h != "" {
		fmt.Fprintf(p.err, "daemoneye-agent: hint: %s\n", h)
	}
	switch {
	case errors.As(err, &wrong):
		return exitUsage
	case noAgent(err):
		return exitNoAgent
	}
	return exitFailed
}

func noAgent(err error) bool {
	var op *ipc.OpError
	return errors.As(err, &op) && op.Op == "dial" &&
		(errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR))
}

func hint(name string, err error) string {
	var wrong usageError
	var inUse *ipc.InUseError
	switch {
	case errors.As(err, &wrong):
		return fmt.Sprintf("see daemoneye-agent %s -help", name)
	case noAgent(err):
		return "no agent listens there: start one with \"daemoneye-agent run\", or name its -instance or -socket"
	case errors.As(err, &inUse):
		return "an agent of this instance runs already: see \"daemoneye-agent status\", or run another -instance"
	case errors.Is(err, unix.EACCES):
		return "the socket belongs to another user: run this as the agent's user or as root"
	case errors.Is(err, router.ErrNoResponder):
		return "nobody serves that target now: \"daemoneye-agent status\" shows which collectors run"
	case errors.Is(err, frame.ErrPattern):
		return "a pattern is a topic with + for one segment, # for any number at the end: 'events.#'"
	case errors.Is(err, frame.ErrTopic):
		return "a topic is up to 8 segments of a-z, 0-9, _ and -, with dots between them: events.demo"
	case errors.Is(err, os.ErrPermission):
		return "choose a directory of your own with -socket"
	}
	return ""
}

// target are the flags that say which agent is meant.
type target struct{ instance, socket string }

func (t *target) flags(fs *flag.FlagSet) {
	fs.StringVar(&t.instance, "instance", "default", "`NAME` of the agent on this host")
	fs.StringVar(&t.socket, "socket", "", "`PATH` of its socket, instead of the instance's")
}

func (t *target) path() (string, error) {
	if t.socket != "" {
		return t.socket, nil
	}
	path, err := ipc.DefaultPath(t.instance)
	if err != nil {
		return "", usageError{err}
	}
	return path, nil
}

// dial connects to the agent; it does not come back when the agent ends, for a
// person at a terminal wants to know.
func (t *target) dial(ctx context.Context, name string) (*ipc.Client, error) {
	return t.dialWith(ctx, name, nil)
}

// dialWith is dial with a function that is told what the broker refuses.
func (t *target) dialWith(ctx context.Context, name string, refused func(error)) (*ipc.Client, error) {
	path, err := t.path()
	if err != nil {
		return nil, err
	}
	return ipc.DialOptions(ctx, ipc.ClientOptions{Path: path, Name: name, Role: "operator", NoReconnect: true, OnError: refused})
}

// bytesText writes n for a person.
func bytesText[T ~int | ~int64 | ~uint64](n T) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case f >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", " ") }
