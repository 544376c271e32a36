package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// requestOrigin identifies a request: the session that sent it and its own number.
type requestOrigin struct {
	source uint32
	id     uint64
}

// Responders is the answering half of request and reply. The in-process client and
// package ipc share it. Safe for concurrent use.
type Responders struct {
	// Send sends a frame to the broker.
	Send func(*frame.Fields) error
	// Failed, if set, is called with the error of a reply that could not be sent.
	Failed func(error)

	mu   sync.Mutex
	open map[requestOrigin]openRequest // guarded by mu
	// canceled are the broker's sequences of the latest cancels whose request was not
	// open. A cancel may arrive before its request, because the two take different
	// paths, or after the end of its request. The broker's sequence identifies the
	// request, because a requester may use an id again.
	canceled   [64]uint64 // guarded by mu
	canceledAt int        // guarded by mu; index of the next one
}

// openRequest is a request that a handler works on. Its context ends when the reply has
// been sent, or when the requester no longer waits for it.
type openRequest struct {
	seq    uint64 // the broker's sequence of the request
	ctx    context.Context
	cancel context.CancelFunc
}

// Serve calls h for each request that c yields, until c's queue or ctx ends. It returns
// when the last handler has returned.
func (r *Responders) Serve(ctx context.Context, c *Consumer, h bus.Responder) {
	ctx, cancelAll := context.WithCancel(ctx)
	defer cancelAll()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	slots := make(chan struct{}, bus.MaxConcurrentRequests)
	for m := range c.Messages(ctx) {
		if m.Gap != nil || m.Frame.Type() != frame.TypeRequest {
			continue
		}
		slots <- struct{}{}
		req := &bus.Request{
			Target: string(m.Topic()), Payload: append([]byte(nil), m.Payload...),
			Content: m.Frame.Content(), Source: m.Frame.Source(),
		}
		key := requestOrigin{m.Frame.Source(), m.Frame.ID()}
		hctx, cancel := r.begin(ctx, key, m.Frame)
		if hctx.Err() != nil { // the requester no longer waits for the answer
			r.end(key, m.Frame.Sequence(), cancel)
			<-slots
			continue
		}
		seq := m.Frame.Sequence()
		handlers.Add(1)
		go func() { // Serve waits for this goroutine
			defer handlers.Done()
			defer func() { <-slots }()
			defer r.end(key, seq, cancel)
			r.answer(hctx, key, req, h)
		}()
	}
}

func (r *Responders) begin(ctx context.Context, key requestOrigin, f frame.Frame) (context.Context, context.CancelFunc) {
	var cancel context.CancelFunc
	if ns, ok := f.Extension().Deadline(); ok {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ns-bus.Now()))
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	r.mu.Lock()
	if r.open == nil {
		r.open = make(map[requestOrigin]openRequest)
	}
	seq := f.Sequence()
	r.open[key] = openRequest{seq, ctx, cancel}
	if i := slices.Index(r.canceled[:], seq); i >= 0 && seq != 0 {
		r.canceled[i] = 0
		cancel()
	}
	r.mu.Unlock()
	return ctx, cancel
}

func (r *Responders) end(key requestOrigin, seq uint64, cancel context.CancelFunc) {
	r.mu.Lock()
	if r.open[key].seq == seq { // else it is a later request with the same id
		delete(r.open, key)
	}
	r.mu.Unlock()
	cancel()
}

// Cancel ends the context of the request that f, a cancel frame, names.
func (r *Responders) Cancel(f frame.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := requestOrigin{f.Source(), f.ID()}
	if req, ok := r.open[key]; ok && req.seq == f.Sequence() {
		req.cancel()
		return
	}
	r.canceled[r.canceledAt%len(r.canceled)] = f.Sequence()
	r.canceledAt++
}

// Wait returns when each request that a handler works on now has been answered or
// canceled, or when ctx ends.
func (r *Responders) Wait(ctx context.Context) error {
	var open []<-chan struct{}
	r.mu.Lock()
	for _, req := range r.open {
		open = append(open, req.ctx.Done())
	}
	r.mu.Unlock()
	return waitAll(ctx, open)
}

func (r *Responders) answer(ctx context.Context, key requestOrigin, req *bus.Request, h bus.Responder) {
	body, err := callHandler(ctx, req, h)
	f := frame.Fields{Type: frame.TypeReply, Priority: frame.NormalPriority, Payload: body, Source: key.source, ID: key.id, Time: bus.Now()}
	if err != nil {
		failure := bus.Fault{Code: frame.CodeFailed, Text: err.Error()}
		var chosen *bus.Fault
		switch {
		case errors.As(err, &chosen) && chosen.Code >= frame.CodeApplication:
			failure.Code, failure.Text = chosen.Code, chosen.Text
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
			failure.Code = frame.CodeDeadline
		}
		f.Flags, f.Payload = frame.FlagFailed, frame.AppendFailure(nil, failure)
	}
	err = r.Send(&f)
	if errors.Is(err, frame.ErrLimit) { // send a failure, so that the requester does not wait until its deadline
		f.Flags, f.Payload = frame.FlagFailed, frame.AppendFailure(nil, bus.Fault{Code: frame.CodeFailed, Text: "answer: " + err.Error()})
		err = errors.Join(err, r.Send(&f))
	}
	if err != nil && r.Failed != nil {
		r.Failed(fmt.Errorf("reply to %q: %w", req.Target, err))
	}
}

// callHandler calls h and turns a panic into an error for the requester, because one bad
// request must not end a process that serves many.
func callHandler(ctx context.Context, req *bus.Request, h bus.Responder) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			body, err = nil, fmt.Errorf("responder panicked: %v", v)
		}
	}()
	return h(ctx, req)
}
