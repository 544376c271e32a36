package ipc

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// ErrServerClosed is what Serve returns after its context has ended and all is
// drained.
var ErrServerClosed = errors.New("ipc: server closed")

// ErrDisconnected is returned for what cannot be done while the client has no
// connection, and cannot be kept until it has one again.
var ErrDisconnected = errors.New("not connected to the broker")

// ErrInHandler is returned to a handler that calls what waits for the broker's
// answer, or for the handler itself: Request, Subscribe, Respond, Flush, Drain,
// Close of a client, and Messages that nobody else can bring. Handlers of
// subscriptions run on the goroutine that reads, and must leave that to others.
var ErrInHandler = errors.New("a handler would wait for itself")

// OpError says what was attempted, and where.
type OpError struct {
	// Op is one of dial, listen, accept, handshake, read, write, drain.
	Op string
	// Path is the socket's.
	Path string
	Err  error
}

func (e *OpError) Error() string { return "ipc: " + e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

func opError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{op, path, err}
}

// InUseError says that another process serves the socket.
type InUseError struct {
	Path string
	// PID is the process that holds the lock, 0 when it does not say.
	PID int
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is held by another process", e.Path)
	}
	return fmt.Sprintf("%s is held by pid %d", e.Path, e.PID)
}

// PeerError is what the other side said when it refused something or ended the
// connection. It is the code's frame error to errors.Is.
type PeerError struct {
	Code frame.Code
	Text string
}

func (e *PeerError) Error() string { return fmt.Sprintf("peer says: %s (%s)", e.Text, e.Code) }

// Unwrap returns the error that the code stands for.
func (e *PeerError) Unwrap() error { return e.Code.Err() }
