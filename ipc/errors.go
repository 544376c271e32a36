package ipc

import (
	"errors"

	"github.com/daemoneye/eventbus/ipc/internal/client"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// ErrServerClosed is what Serve returns after its context has ended and all is
// drained.
var ErrServerClosed = errors.New("ipc: server closed")

// ErrDisconnected is returned for what cannot be done while the client has no
// connection, and cannot be kept until it has one again.
var ErrDisconnected = client.ErrDisconnected

// ErrNoConfirm is returned by PublishConfirmed of a broker that does not confirm
// messages.
var ErrNoConfirm = client.ErrNoConfirm

// ErrNoSettle is returned by WindowPublisher where the broker does not report what
// subscribers have taken.
var ErrNoSettle = client.ErrNoSettle

// ErrInHandler is returned to a handler that calls what waits for an answer of the
// broker, or for the handler itself: Request, PublishConfirmed, WindowPublisher, Subscribe, Respond,
// Flush, Drain and Close of a client. Handlers of subscriptions run on the goroutine that reads.
var ErrInHandler = client.ErrInHandler

var (
	// ErrSocketLost means that the server's socket is not at its path any more: it was
	// removed, or another file has its place. Nobody new can connect; those who are
	// connected notice nothing. The error is the reason the server cannot bind it anew,
	// which it tries about once a second.
	ErrSocketLost = unixsock.ErrLost
	// ErrSocketRebound means that the socket was lost, and that the server has bound it
	// anew.
	ErrSocketRebound = unixsock.ErrRebound
)

// OpError states what was attempted, and where. Its field Op is one of dial, listen,
// accept, handshake, read, write and drain; Path is the socket's, and Err the cause.
type OpError = unixsock.OpError

// InUseError means that another process serves the socket at its field Path. PID is
// the process that holds the lock, 0 when the lock does not name it.
type InUseError = unixsock.InUseError
