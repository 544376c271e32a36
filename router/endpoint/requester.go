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

// deadlineNs converts ctx's deadline to the wire's clock; 0 when it has none.
func deadlineNs(ctx context.Context) int64 {
	d, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return bus.Now() + int64(time.Until(d))
}

// Requester is the asking half of request and reply, shared by the in-process client
// and package ipc: it numbers requests, sends them, and hands each answer to the
// goroutine that waits for it. Safe for concurrent use.
type Requester struct {
	// Send sends a frame towards the broker; ctx bounds what it may wait for room.
	Send func(context.Context, *frame.Fields) error
	// MaxPayload bounds what a compressed reply may inflate to. Whoever calls
	// Answer may change it.
	MaxPayload int
	// MaxOpen, where not 0, bounds the calls that wait for an answer at once.
	MaxOpen int

	next   atomic.Uint64
	mu     sync.Mutex
	open   map[uint64]chan answer // guarded by mu
	closed error                  // guarded by mu; why there are no answers any more
}

type answer struct {
	reply bus.Reply
	err   error
}

// NextID returns a number that no other request, subscription or ping of this
// client has.
func (c *Requester) NextID() uint64 { return c.next.Add(1) }

// Request asks target and waits; see Bus.Request.
func (c *Requester) Request(ctx context.Context, target string, body []byte) (bus.Reply, error) {
	if err := frame.CheckTopic(target); err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	if err := ctx.Err(); err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	id := c.NextID()
	ch, err := c.register(id)
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
			// Best effort, without waiting: the deadline ends it on the other side as
			// well, and a connection that is lost does.
			_ = c.Send(ctx, &frame.Fields{Type: frame.TypeCancel, Priority: frame.NormalPriority, ID: id, Time: bus.Now()})
		}
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, ctx.Err())
	}
}

// register announces that an answer to the frame numbered id will come.
func (c *Requester) register(id uint64) (<-chan answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return nil, c.closed
	}
	if c.MaxOpen > 0 && len(c.open) >= c.MaxOpen {
		return nil, &bus.LimitError{Limit: "max_requests", Max: int64(c.MaxOpen), Got: int64(len(c.open) + 1)}
	}
	if c.open == nil {
		c.open = make(map[uint64]chan answer)
	}
	ch := make(chan answer, 1)
	c.open[id] = ch
	return ch, nil
}

// Forget gives up waiting; it reports whether the answer was still open.
func (c *Requester) Forget(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.open[id]
	delete(c.open, id)
	return ok
}

// Await sends f, whose ID must be a NextID, and waits for the ack or pong that
// answers it.
func (c *Requester) Await(ctx context.Context, f *frame.Fields) error {
	ch, err := c.register(f.ID)
	if err != nil {
		return err
	}
	if err := c.Send(ctx, f); err != nil {
		c.Forget(f.ID)
		return err
	}
	select {
	case a := <-ch:
		return a.err
	case <-ctx.Done():
		c.Forget(f.ID)
		return ctx.Err()
	}
}

// Answer takes a frame that may answer something: reply, no-responder,
// responder-died, error, ack, pong. It reports whether somebody waited for it.
func (c *Requester) Answer(f frame.Frame) bool {
	c.mu.Lock()
	ch := c.open[f.ID()]
	delete(c.open, f.ID())
	c.mu.Unlock()
	if ch == nil {
		return false
	}
	var a answer
	switch f.Type() {
	case frame.TypeReply:
		a = c.parseReply(f)
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
	ch <- a
	return true
}

func (c *Requester) parseReply(f frame.Frame) (a answer) {
	payload, err := frame.Inflate(nil, f, c.MaxPayload)
	if f.Flags()&frame.FlagFailed != 0 {
		return answer{err: parseFailure(payload, err)}
	}
	if err != nil {
		return answer{err: err}
	}
	return answer{reply: bus.Reply{Payload: payload, Content: f.Content(), Source: f.Source()}}
}

// parseFailure reads why a responder failed. Where that cannot be read, because the
// payload cannot be inflated or is no failure, it failed all the same.
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

// deadlinePassed is the error for a deadline that the broker or the responder saw
// pass before the requester's own context did: the same to errors.Is.
func deadlinePassed(said error) error {
	return fmt.Errorf("%w: %w", said, context.DeadlineExceeded)
}

// Close fails everything that waits, and everything after it, with err; nil
// opens again for a new connection.
func (c *Requester) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = err
	if err != nil {
		c.fail(err)
	}
}

// Fail fails everything that waits with err, and nothing after it: answers were
// lost, and nobody knows whose.
func (c *Requester) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(err)
}

// fail is for who holds mu.
func (c *Requester) fail(err error) {
	for id, ch := range c.open {
		delete(c.open, id)
		ch <- answer{err: err}
	}
}

// ErrAnswersLost ends all calls under way: the broker had to give up answers for
// this client, and nobody knows whose.
var ErrAnswersLost = fmt.Errorf("%w: answers of the broker were lost", frame.ErrSlow)
