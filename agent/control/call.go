package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// NewID returns an id that no other request has.
func NewID() string { return rand.Text() }

// Now returns the broker's clock as the bus b knows it: CLOCK_MONOTONIC in nanoseconds
// of the broker's time namespace. Deadlines of envelopes are times of this clock.
func Now(b router.Bus) int64 {
	if c, ok := b.(interface{ BrokerNow() int64 }); ok {
		return c.BrokerNow()
	}
	return router.Now()
}

// Payload returns v as the payload of a request. It panics where v is no JSON object:
// that is a mistake of the caller.
func Payload(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil || b[0] != '{' {
		panic(fmt.Sprintf("control: %T is no payload: %v", v, err))
	}
	return b
}

// answerTime is how long before the end of the caller's wait the deadline is, at most, so
// that the answer that it has passed still comes.
const answerTime = 500 * time.Millisecond

// Call sends the request q to target over the bus b, and returns the answer. It waits
// until ctx ends, or else for the operation's Timeout. An ID and a Deadline that are not
// set are filled in; the deadline is shortly before the end of the wait. If into is not
// nil, the result is decoded into it.
//
// Errors are *Error where the answer has no success, and wrap an *Error with
// CodeCollectorUnreachable, CodeCollectorDied or CodeTimeout beside the bus's own error
// where there is no answer. If ctx is cancelled, its error is returned alone. Without an
// answer the operation may have been carried out: with the same ID it can be sent again.
func Call(ctx context.Context, b router.Bus, target string, q Request, into any) (Response, error) {
	info, _ := q.Operation.Info()
	if q.ID == "" {
		q.ID = NewID()
	}
	timeout := info.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	if at, ok := ctx.Deadline(); ok {
		timeout = min(time.Until(at), MaxAhead)
	}
	if q.Deadline == 0 {
		q.Deadline = Now(b) + int64(timeout-min(timeout/10, answerTime))
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(&q)
	if err != nil {
		return Response{}, Errorf(CodeInvalidPayload, "payload: %v", err)
	}
	reply, err := b.Request(ctx, target, body)
	if err != nil {
		return Response{}, unanswered(ctx, err)
	}
	r, err := DecodeResponse(reply.Payload, &q)
	if err != nil {
		return Response{}, err
	}
	if r.Error != nil {
		return r, r.Error
	}
	if into != nil && len(r.Payload) > 0 {
		if err := json.Unmarshal(r.Payload, into); err != nil {
			return r, Errorf(CodeInvalidAnswer, "answer: %v", err)
		}
	}
	return r, nil
}

// unanswered returns the error of a request without an answer.
func unanswered(ctx context.Context, err error) error {
	var e *Error
	var failed *router.Fault
	switch {
	case errors.Is(err, router.ErrNoResponder):
		e = Errorf(CodeCollectorUnreachable, "it is not connected")
	case errors.Is(err, router.ErrOverloaded):
		e = Errorf(CodeCollectorUnreachable, "too many requests wait for it")
	case errors.Is(err, router.ErrResponderDied):
		e = Errorf(CodeCollectorDied, "it ended before it answered")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		e = Errorf(CodeTimeout, "it did not answer in time")
	case errors.As(err, &failed) && (failed.Code == frame.CodeFailed || failed.Code >= frame.CodeApplication):
		e = Errorf(CodeInvalidAnswer, "it answered with a failure of the bus")
	default:
		return err
	}
	return fmt.Errorf("%w: %w", e, err)
}
