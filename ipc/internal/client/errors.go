package client

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// ErrDisconnected is returned for what cannot be done while the client has no
// connection, and cannot be kept until it has one again.
var ErrDisconnected = errors.New("not connected to the broker")

// ErrInHandler is returned to a handler that calls what waits for an answer of the
// broker, or for the handler itself: Request, Subscribe, Respond, Flush, Drain and Close
// of a client. Handlers of subscriptions run on the goroutine that reads.
var ErrInHandler = errors.New("a handler would wait for itself")

// PeerError is what the other side said when it refused something or ended the
// connection. To errors.Is it is the code's error of package frame.
type PeerError struct {
	Code frame.Code
	Text string
}

func (e *PeerError) Error() string { return fmt.Sprintf("peer says: %s (%s)", e.Text, e.Code) }

// Unwrap returns the error that the code stands for.
func (e *PeerError) Unwrap() error { return e.Code.Err() }
