package endpoint

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// deadlineNs converts ctx's deadline to the wire's clock. It is 0 if ctx has none.
func deadlineNs(ctx context.Context) int64 {
	d, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return bus.Now() + int64(time.Until(d))
}

// Requester is the requesting half of request and reply. The in-process client and
// package ipc share it. It numbers requests, sends them, and hands each answer to the
// goroutine that waits for it. Safe for concurrent use.
type Requester struct {
	// Send sends a frame to the broker. It waits for room at most until ctx ends.
	Send func(context.Context, *frame.Fields) error
	// MaxFrame bounds how long the frame of a reply may be when its payload is inflated,
	// in bytes. Only the goroutine that calls Answer may change it.
	MaxFrame int
	// MaxOpen, if not 0, bounds how many requests may wait for a reply at once. Open
	// changes it.
	MaxOpen int

	next     atomic.Uint64
	mu       sync.Mutex
	open     map[uint64]openCall // guarded by mu
	requests int                 // guarded by mu; how many of them are requests
	closed   error               // guarded by mu; not nil after Close: its error
}

// openCall is a call that waits for an answer.
type openCall struct {
	answer  chan answer
	settled chan Settled // instead of answer, where that is the answer
	request bool
	// done is closed when the call does not wait any more. Only Wait makes it.
	done chan struct{}
}

type answer struct {
	reply   bus.Reply
	ack     frame.Ack
	settled frame.Settled
	err     error
}

// end hands the answer to whoever waits. The channel has room for it.
func (call *openCall) end(a answer) {
	if call.settled != nil {
		call.settled <- Settled{a.settled, a.err}
		return
	}
	call.answer <- a
}

// NextID returns an id that no other request, subscription or ping of this client has.
func (c *Requester) NextID() uint64 { return c.next.Add(1) }

// Request sends a request to target and waits for the reply; see Bus.Request.
func (c *Requester) Request(ctx context.Context, target string, body []byte) (bus.Reply, error) {
	if err := frame.CheckTopic(target); err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	if err := ctx.Err(); err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	id := c.NextID()
	ch, err := c.register(id, true)
	if err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	f := frame.Fields{
		Type: frame.TypeRequest, Priority: frame.NormalPriority, Topic: target, Payload: body, ID: id, Time: bus.Now(),
	}
	if ns := deadlineNs(ctx); ns != 0 {
		f.Extension, err = frame.AppendExtension(nil, &frame.Meta{Deadline: ns})
	}
	if err == nil {
		err = c.Send(ctx, &f)
	}
	if err != nil {
		c.Forget(id)
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	select {
	case a := <-ch:
		if a.err != nil {
			return bus.Reply{}, fmt.Errorf("request %q: %w", target, a.err)
		}
		return a.reply, nil
	case <-ctx.Done():
		if c.Forget(id) {
			// The cancel may be lost, because the responder's context also ends with
			// the deadline and with the loss of this connection. ctx has ended, so
			// Send does not wait.
			_ = c.Send(ctx, &frame.Fields{Type: frame.TypeCancel, Priority: frame.NormalPriority, ID: id, Time: bus.Now()})
		}
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, ctx.Err())
	}
}

// register makes a channel for the answer to the frame with that id.
func (c *Requester) register(id uint64, request bool) (<-chan answer, error) {
	ch := make(chan answer, 1)
	return ch, c.add(id, openCall{answer: ch, request: request})
}

func (c *Requester) add(id uint64, call openCall) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return c.closed
	}
	if call.request && c.MaxOpen > 0 && c.requests >= c.MaxOpen {
		return &bus.LimitError{Limit: "max_requests", Max: int64(c.MaxOpen), Got: int64(c.requests + 1)}
	}
	if c.open == nil {
		c.open = make(map[uint64]openCall)
	}
	if call.request {
		c.requests++
	}
	c.open[id] = call
	return nil
}

// Forget drops the registration of id. It reports whether no answer had come yet.
func (c *Requester) Forget(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.takeLocked(id)
	return ok
}

// takeLocked removes the registration of id. The caller holds mu.
func (c *Requester) takeLocked(id uint64) (call openCall, ok bool) {
	if call, ok = c.open[id]; !ok {
		return call, false
	}
	delete(c.open, id)
	if call.request {
		c.requests--
	}
	if call.done != nil {
		close(call.done)
	}
	return call, true
}

// Wait returns when each request that waits for a reply now has ended, or when ctx ends.
func (c *Requester) Wait(ctx context.Context) error {
	var open []<-chan struct{}
	c.mu.Lock()
	for id, call := range c.open {
		if !call.request {
			continue
		}
		if call.done == nil {
			call.done = make(chan struct{})
			c.open[id] = call
		}
		open = append(open, call.done)
	}
	c.mu.Unlock()
	return waitAll(ctx, open)
}

// waitAll waits until each of done is closed, or until ctx ends.
func waitAll(ctx context.Context, done []<-chan struct{}) error {
	for _, d := range done {
		select {
		case <-d:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Await sends f, whose ID must be a NextID, and waits for the ack or pong that
// answers it; for a pong the ack is empty.
func (c *Requester) Await(ctx context.Context, f *frame.Fields) (frame.Ack, error) {
	ch, err := c.register(f.ID, false)
	if err != nil {
		return frame.Ack{}, err
	}
	if err := c.Send(ctx, f); err != nil {
		c.Forget(f.ID)
		return frame.Ack{}, err
	}
	select {
	case a := <-ch:
		return a.ack, a.err
	case <-ctx.Done():
		c.Forget(f.ID)
		return frame.Ack{}, ctx.Err()
	}
}

// Settle sends f, whose ID must be a NextID, and returns where its settled comes, or why
// there will be none.
func (c *Requester) Settle(ctx context.Context, f *frame.Fields) (<-chan Settled, error) {
	ch := make(chan Settled, 1)
	if err := c.add(f.ID, openCall{settled: ch}); err != nil {
		return nil, err
	}
	if err := c.Send(ctx, f); err != nil {
		c.Forget(f.ID)
		return nil, err
	}
	return ch, nil
}

// Answer hands a frame to the call that waits for it: a reply, no-responder,
// responder-died, error, ack, pong or settled. It reports whether there was such a call.
func (c *Requester) Answer(f frame.Frame) bool {
	c.mu.Lock()
	call, ok := c.takeLocked(f.ID())
	c.mu.Unlock()
	if !ok {
		return false
	}
	var a answer
	switch f.Type() {
	case frame.TypeReply:
		a = c.parseReply(f)
	case frame.TypeAck:
		a.ack, a.err = frame.ParseAck(f.Payload())
	case frame.TypeSettled:
		a.settled, a.err = frame.ParseSettled(f.Payload())
	case frame.TypeNoResponder:
		a.err = bus.ErrNoResponder
	case frame.TypeResponderDied:
		a.err = bus.ErrResponderDied
	case frame.TypeError:
		body, err := frame.ParseError(f.Payload())
		switch {
		case err != nil:
			a.err = err
		case body.Code == frame.CodeDeadline:
			a.err = deadlinePassed(&body)
		default:
			a.err = &body
		}
	}
	call.end(a)
	return true
}

func (c *Requester) parseReply(f frame.Frame) (a answer) {
	payload, err := frame.Inflate(nil, f, c.MaxFrame)
	if f.Flags()&frame.FlagFailed != 0 {
		return answer{err: parseFailure(payload, err)}
	}
	if err != nil {
		return answer{err: err}
	}
	return answer{reply: bus.Reply{Payload: payload, Content: f.Content(), Source: f.Source()}}
}

// parseFailure decodes why a responder failed. If the payload cannot be inflated or
// decoded, the result is a Fault without a text.
func parseFailure(payload []byte, inflate error) error {
	failure, err := frame.ParseFailure(payload)
	switch {
	case inflate != nil || err != nil:
		return &bus.Fault{Code: frame.CodeFailed}
	case failure.Code == frame.CodeDeadline:
		return deadlinePassed(&failure)
	}
	return &failure
}

// deadlinePassed is the error of a request whose deadline passed at the broker or the
// responder before the requester's context ended. errors.Is finds
// context.DeadlineExceeded in it, as if the context had ended first.
func deadlinePassed(reported error) error {
	return fmt.Errorf("%w: %w", reported, context.DeadlineExceeded)
}

// Close fails all calls that wait, and all later ones until Open, with err.
func (c *Requester) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = err
	c.failLocked(err)
}

// Open opens a closed Requester again, for a new connection with that MaxOpen.
func (c *Requester) Open(maxOpen int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.MaxOpen = nil, maxOpen
}

// Fail fails all calls that wait with err, but no later ones. It is for lost answers: no
// one can find out which calls they belonged to.
func (c *Requester) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

// failLocked fails all calls that wait. The caller holds mu.
func (c *Requester) failLocked(err error) {
	for id := range c.open {
		call, _ := c.takeLocked(id)
		call.end(answer{err: err})
	}
}

// ErrAnswersLost ends all calls of a client that wait for an answer when the broker had to
// drop some of its answers, because the client cannot know which.
var ErrAnswersLost = fmt.Errorf("%w: answers of the broker were lost", frame.ErrSlow)
