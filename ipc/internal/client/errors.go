package client

import (
	"errors"

	"github.com/daemoneye/eventbus/ipc/internal/outbox"
)

// ErrDisconnected is returned for what cannot be done while the client has no
// connection, and cannot be kept until it has one again.
var ErrDisconnected = outbox.ErrDisconnected

// ErrNoConfirm is returned by PublishConfirmed of a broker that does not confirm
// messages.
var ErrNoConfirm = errors.New("the broker does not confirm messages")

// ErrNoSettle is returned by WindowPublisher where the broker does not report what
// subscribers have taken.
var ErrNoSettle = errors.New("the broker does not say what subscribers have taken")

// ErrInHandler is returned to a handler that calls what waits for an answer of the
// broker, or for the handler itself: Request, PublishConfirmed, WindowPublisher, Subscribe, Respond,
// Flush, Drain and Close of a client. Handlers of subscriptions run on the goroutine that reads.
var ErrInHandler = errors.New("a handler would wait for itself")
