package bus

import (
	"context"

	"github.com/daemoneye/eventbus/frame"
)

// Reply is the answer to a request.
type Reply struct {
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the connection that answered.
	Source uint32
}

// Request is what a responder is asked. It is valid until the handler returns.
type Request struct {
	Target  string
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the connection that asks.
	Source uint32
}

// Responder answers requests. Its ctx ends with the request's deadline, or when
// the requester cancels or goes away. Calls run concurrently, at most
// MaxConcurrentRequests for a target. A returned error reaches the requester as
// *Fault; return a *Fault to choose its code.
type Responder func(ctx context.Context, r *Request) ([]byte, error)

// MaxConcurrentRequests bounds the handlers that run at once for one Respond.
const MaxConcurrentRequests = 64
