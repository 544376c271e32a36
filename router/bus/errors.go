package bus

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ring"
)

// Errors that a caller can act on. They are wrapped with what was attempted, so test for
// them with errors.Is. Those that cross the wire are values of package frame, so a socket
// client and an in-process client return the same values.
var (
	// ErrClosed is returned by everything that is used after its Close, or after the end
	// of its broker or connection. It is the same value as ring.ErrClosed, so one test
	// works on every layer.
	ErrClosed = ring.ErrClosed
	// ErrPattern means that a subscription's pattern is not valid.
	ErrPattern = frame.ErrPattern
	// ErrReserved is returned to clients that publish below "system".
	ErrReserved = frame.ErrReserved
	// ErrNoResponder means that no client answers requests for that target.
	ErrNoResponder = frame.ErrNoResponder
	// ErrResponderDied means that the responder's connection ended before it
	// answered. The request may or may not have been carried out.
	ErrResponderDied = frame.ErrResponderDied
	// ErrDenied means that the server's policy does not allow the operation.
	ErrDenied = frame.ErrDenied
	// ErrOverloaded means that the responder's queue of requests is full.
	ErrOverloaded = frame.ErrOverloaded
	// ErrSubscription means that a subscription is not valid.
	ErrSubscription = frame.ErrSubscription
	// ErrRunning is returned by Run and ipc.Serve if the broker runs already or has run.
	// Each of the two is the routing thread of its broker, and a broker has only one.
	ErrRunning = errors.New("the broker runs already, or has run")
)

// LimitError states which limit a request would have exceeded. It is
// frame.ErrLimit to errors.Is.
type LimitError struct {
	// Limit is the option's name, for example "max_message_size".
	Limit string
	// Max is the limit in force and Got what was asked for.
	Max, Got int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is %d, got %d", e.Limit, e.Max, e.Got)
}

// Unwrap returns frame.ErrLimit.
func (e *LimitError) Unwrap() error { return frame.ErrLimit }

// Fault is an error that the other side reports: a broker that refuses something or ends
// the connection, or a responder whose handler returned an error. errors.Is finds the
// sentinel of its code in it. A handler returns a Fault to choose a code of its own, from
// frame.CodeApplication on. Any other error of a handler has frame.CodeFailed.
type Fault = frame.Fault
