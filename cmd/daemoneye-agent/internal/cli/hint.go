package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// tried reports whether op failed: dial or listen.
func tried(err error, op string) bool {
	var e *ipc.OpError
	return errors.As(err, &e) && e.Op == op
}

// NoAgent reports whether err is that no agent listens.
func NoAgent(err error) bool {
	return tried(err, "dial") && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR))
}

// Hint returns what could help against err, empty for nothing. A Hint never advises what
// could do harm: to open or remove a file or directory, to end another process,
// or to take more rights than the agent's own user has.
func Hint(name string, err error) string {
	var wrong UsageError
	var mistakes *config.Errors
	var remote MistakesError
	var refused RefusedError
	var inUse *ipc.InUseError
	var kept *store.InUseError
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
	case errors.As(err, &refused):
		return "the agent goes on with what it had: \"daemoneye-agent collectors list\" says how its collectors are"
	case errors.As(err, &wrong), errors.As(err, &mistakes):
		return fmt.Sprintf("see daemoneye-agent %s --help", name)
	case NoAgent(err):
		return "no agent listens there: start one with \"daemoneye-agent run\", or name its --instance or --socket"
	case errors.As(err, &inUse):
		return "an agent of this instance runs already: see \"daemoneye-agent status\", or run another --instance"
	case errors.As(err, &kept):
		return "an agent of this instance keeps its alerts there: run another --instance, or choose another alerts.data_dir"
	case errors.Is(err, store.ErrNewer):
		return "a later version of the agent has kept alerts there: run that one, or choose another alerts.data_dir"
	case name == "collectors register" && errors.Is(err, router.ErrDenied):
		return "collectors.external in the agent's configuration says who may be which collector"
	case tried(err, "dial") && errors.Is(err, os.ErrPermission), tried(err, "handshake") && errors.Is(err, router.ErrDenied):
		return "the agent belongs to another user: run this as that user"
	case errors.Is(err, router.ErrNoResponder):
		return "nobody serves that target now: \"daemoneye-agent status\" shows which collectors run"
	case errors.Is(err, router.ErrDenied):
		return "an operator publishes below events and alerts, and has the agent ask collectors: see \"daemoneye-agent collectors\""
	case errors.Is(err, ErrNoAnswer):
		return "it may be stopped, or busy: its state is in the output of ps"
	case errors.As(err, &peer) && errors.Is(err, frame.ErrLimit):
		return "\"daemoneye-agent status\" shows who uses the agent, and \"daemoneye-agent config show\" its limits"
	case tried(err, "listen"):
		return "the socket needs a directory of its own, which is made where it is missing: choose another --socket or --instance"
	case errors.Is(err, process.ErrUnavailable):
		return "take --process-source auto, or run it outside of containers (in the first pid, user and network namespace) with CAP_BPF and CAP_PERFMON for ebpf, or CAP_NET_ADMIN for netlink"
	}
	return ""
}

// operationHint returns what could help against the error of an operation.
func operationHint(e *control.Error) string {
	switch e.Code {
	case control.CodeCollectorNotFound:
		return "\"daemoneye-agent collectors list\" has the names"
	case control.CodeAlreadyRunning:
		return "\"daemoneye-agent collectors restart\" starts a new process"
	case control.CodeNotRunning:
		return "\"daemoneye-agent collectors start\" starts it"
	case control.CodeInvalidState:
		return "\"daemoneye-agent collectors list\" shows in which state it is, and why"
	case control.CodeUnsupportedTask, control.CodeValidationFailed:
		return "\"daemoneye-agent collectors capabilities\" lists its tasks and settings"
	case control.CodeTimeout:
		return "give it more --timeout; \"daemoneye-agent collectors list\" shows what it has come to"
	case control.CodeCollectorUnreachable, control.CodeCollectorDied, control.CodeRefused, control.CodeBusy, control.CodeInProgress:
		return "it may be different in a moment: see \"daemoneye-agent collectors list\""
	case control.CodeSpawnFailed:
		return "the agent's log has what the process wrote; it is tried again"
	case control.CodeIDReused:
		return "an --id belongs to one operation: leave it out, and a new one is made"
	}
	return ""
}

// operationStatus is the exit status of an operation that did not succeed.
func operationStatus(e *control.Error) int {
	switch {
	case e.Category == control.CategoryConfiguration, e.Code == control.CodeCollectorNotFound:
		return ExitUsage
	case e.Code.Info().Outcome != control.OutcomeError:
		return exitLater
	}
	return ExitFailed
}
