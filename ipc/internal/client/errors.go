package client

import (
	"errors"
	"fmt"

	"github.com/daemoneye/eventbus/frame"
)

// ErrDisconnected is returned for what cannot be done while the client has no
// connection, and cannot be kept until it has one again.
var ErrDisconnected = errors.New("not connected to the broker")

// ErrInHandler is returned to a handler that calls what waits for the broker's
// answer, or for the handler itself: Request, Subscribe, Respond, Flush, Drain,
// Close of a client, and Messages that nobody else can bring. Handlers of
// subscriptions run on the goroutine that reads, and must leave that to others.
var ErrInHandler = errors.New("a handler would wait for itself")

// PeerError is what the other side said when it refused something or ended the
// connection. It is the code's frame error to errors.Is.
type PeerError struct {
	Code frame.Code
	Text string
}

func (e *PeerError) Error() string { return fmt.Sprintf("peer says: %s (%s)", e.Text, e.Code) }

// Unwrap returns the error that the code stands for.
func (e *PeerError) Unwrap() error { return e.Code.Err() }
