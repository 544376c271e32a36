package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
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
	exitNobody
	exitLater // not now, and later it may succeed
)

// usageError is a wrong command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }

func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// statusError ends the program with a status, without a message.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errNoAnswer is the end of a wait for the agent.
var errNoAnswer = errors.New("no answer in time")

// answerTimeout is how long a healthy agent may take to answer.
const answerTimeout = 5 * time.Second

// exit prints what went wrong and what could help, and returns the exit status of c.
func (p *program) exit(ctx context.Context, c *cobra.Command, err error) int {
	var status statusError
	var wrong usageError
	var mistakes *config.Errors
	var remote mistakesError
	var unknown noCommandError
	var operation *control.Error
	name := "help"
	if c.HasParent() {
		name = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	}
	if err == nil || errors.As(err, &status) {
		if p.out.err == nil {
			return int(status)
		}
		err = p.out.err
	}
	if enough(err) {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		if is(c, endless) {
			return exitOK
		}
		err = errors.New("interrupted")
	}
	if errors.As(err, &unknown) {
		fmt.Fprintf(p.err, "daemoneye-agent: error: %s\n", display.Clean(err.Error()))
		fmt.Fprintf(p.err, "daemoneye-agent: hint: the commands are %s\n", unknown.known)
		return exitUsage
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(p.err, "daemoneye-agent: error: %s: %s\n", name, display.Clean(line))
	}
	if h := hint(name, err); h != "" {
		fmt.Fprintf(p.err, "daemoneye-agent: hint: %s\n", h)
	}
	switch {
	case errors.As(err, &wrong), errors.As(err, &mistakes), errors.As(err, &remote):
		return exitUsage
	case noAgent(err):
		return exitNoAgent
	case errors.As(err, &operation):
		return operationStatus(operation)
	}
	return exitFailed
}

// tried reports whether op failed: dial or listen.
func tried(err error, op string) bool {
	var e *ipc.OpError
	return errors.As(err, &e) && e.Op == op
}

func noAgent(err error) bool {
	return tried(err, "dial") && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR))
}

// hint returns what could help against err, empty for nothing. A hint never advises what
// could do harm: to open or remove a file or directory, to end another process,
// or to take more rights than the agent's own user has.
func hint(name string, err error) string {
	var wrong usageError
	var mistakes *config.Errors
	var remote mistakesError
	var inUse *ipc.InUseError
	var peer *frame.Fault
	var operation *control.Error
	switch {
	case errors.As(err, &operation):
		return operationHint(operation)
	// The topic and the pattern come first, because help does not explain them.
	case errors.Is(err, frame.ErrReserved):
		return "topics below system are the broker's own: publish below events or alerts"
	case errors.Is(err, frame.ErrPattern):
		return "a pattern is a topic with + for one segment, # for any number at the end: 'events.#'"
	case errors.Is(err, frame.ErrTopic):
		return "a topic is up to 8 segments of a-z, 0-9, _ and -, with dots between them: events.demo"
	case errors.As(err, &mistakes) && slices.ContainsFunc(mistakes.List, func(e *config.Error) bool { return e.Layer != config.LayerFlag }):
		return "\"daemoneye-agent config default\" prints every key with its default and its bounds"
	case errors.As(err, &remote):
		return "the agent goes on with what it had: mend it, and see \"daemoneye-agent config check\""
	case errors.As(err, &wrong), errors.As(err, &mistakes):
		return fmt.Sprintf("see daemoneye-agent %s --help", name)
	case noAgent(err):
		return "no agent listens there: start one with \"daemoneye-agent run\", or name its --instance or --socket"
	case errors.As(err, &inUse):
		return "an agent of this instance runs already: see \"daemoneye-agent status\", or run another --instance"
	case tried(err, "dial") && errors.Is(err, os.ErrPermission), tried(err, "handshake") && errors.Is(err, router.ErrDenied):
		return "the agent belongs to another user: run this as that user"
	case errors.Is(err, router.ErrNoResponder):
		return "nobody serves that target now: \"daemoneye-agent status\" shows which collectors run"
	case errors.Is(err, router.ErrDenied):
		return "an operator publishes below events and alerts, and has the agent ask collectors: see \"daemoneye-agent collectors\""
	case errors.Is(err, errNoAnswer):
		return "it may be stopped, or busy: its state is in the output of ps"
	case errors.As(err, &peer) && errors.Is(err, frame.ErrLimit):
		return "\"daemoneye-agent status\" shows who uses the agent, and \"daemoneye-agent config show\" its limits"
	case tried(err, "listen"):
		return "the socket needs a directory of its own, which is made where it is missing: choose another --socket or --instance"
	case errors.Is(err, process.ErrUnavailable):
		return "take --process-source poll, or run it with CAP_NET_ADMIN and outside of containers: in the first pid, user and network namespace"
	}
	return ""
}

// clientRole is the role of commands that do more than ask. They are ordinary clients,
// and need a place like others.
const clientRole = "client"

// dial connects to the agent as a client called o.Name; without a role it is an operator
// who asks, and who gets in even if all connections are taken. The client ends with its
// connection, because a person at a terminal wants to know.
func (t *target) dial(ctx context.Context, o ipc.ClientOptions) (*ipc.Client, error) {
	o.NoReconnect = true
	return t.dialLasting(ctx, o)
}

// dialLasting is dial for a client that connects again when the connection is lost. The
// agent must be there at first.
func (t *target) dialLasting(ctx context.Context, o ipc.ClientOptions) (*ipc.Client, error) {
	path, err := t.path()
	if err != nil {
		return nil, err
	}
	o.Path, o.Role = path, cmp.Or(o.Role, control.Operator)
	dialing, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	client, err := ipc.DialOptions(dialing, o)
	return client, late(ctx, dialing, err)
}

// late returns errNoAnswer when err is the end of the wait, and err otherwise. outer is
// the context from before the wait.
func late(outer, wait context.Context, err error) error {
	if err != nil && outer.Err() == nil && errors.Is(wait.Err(), context.DeadlineExceeded) {
		return errNoAnswer
	}
	return err
}
