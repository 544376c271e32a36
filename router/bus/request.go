package bus

import (
	"context"

	"github.com/daemoneye/eventbus/frame"
)

// Reply is the answer to a request.
type Reply struct {
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the session that answered.
	Source uint32
}

// Request is a request as a responder gets it. It is valid until the handler returns.
type Request struct {
	Target  string
	Payload []byte
	Content frame.Content
	// Source is the broker's id of the session that sent the request; IdentityOf returns
	// who that is.
	Source uint32
}

// Responder answers requests. Its ctx ends at the request's deadline, or when the
// requester cancels or disconnects. Calls run concurrently, at most MaxConcurrentRequests
// for a target. The requester gets a returned error as *Fault. To choose its code, return
// a *Fault.
type Responder func(ctx context.Context, r *Request) ([]byte, error)

// MaxConcurrentRequests bounds how many handlers of one Respond run at once.
const MaxConcurrentRequests = 64
