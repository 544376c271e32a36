package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// Responders is the answering half of request and reply, shared by the
// in-process client and package ipc. Safe for concurrent use.
type Responders struct {
	// Send sends a frame towards the broker.
	Send func(*frame.Fields) error
	// Failed, where set, is told of a reply that could not be sent.
	Failed func(error)

	mu   sync.Mutex
	open map[requestOrigin]openRequest // guarded by mu
	// early are the latest cancels of requests that are not open: not yet, or
	// not any more. A request and its cancel come by different ways. They are
	// told apart by the broker's sequence, for who asks may use a number again.
	early [64]uint64 // guarded by mu
	at    int        // guarded by mu; where the next one goes
}

// openRequest is one that a handler works on. Its context ends when the reply
// has been sent, or when nobody waits for that any more.
type openRequest struct {
	seq    uint64 // the broker's
	ctx    context.Context
	cancel context.CancelFunc
}

// Serve answers what c yields with h until c's queue ends or ctx does, and
// returns when the last handler has.
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
		if hctx.Err() != nil { // nobody waits for the answer
			r.end(key, m.Frame.Sequence(), cancel)
			<-slots
			continue
		}
		seq := m.Frame.Sequence()
		handlers.Add(1)
		go func() { // Serve waits for it
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
	if i := slices.Index(r.early[:], seq); i >= 0 && seq != 0 {
		r.early[i] = 0
		cancel()
	}
	r.mu.Unlock()
	return ctx, cancel
}

func (r *Responders) end(key requestOrigin, seq uint64, cancel context.CancelFunc) {
	r.mu.Lock()
	if r.open[key].seq == seq { // not of a later one with the same number
		delete(r.open, key)
	}
	r.mu.Unlock()
	cancel()
}

// Cancel ends the context of a request: f is a cancel frame.
func (r *Responders) Cancel(f frame.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := requestOrigin{f.Source(), f.ID()}
	if req, ok := r.open[key]; ok && req.seq == f.Sequence() {
		req.cancel()
		return
	}
	r.early[r.at%len(r.early)] = f.Sequence()
	r.at++
}

// Wait returns when the requests that handlers work on now are answered, or
// nobody waits for them any more, or ctx ends.
func (r *Responders) Wait(ctx context.Context) error {
	r.mu.Lock()
	open := slices.Collect(maps.Values(r.open))
	r.mu.Unlock()
	for _, req := range open {
		select {
		case <-req.ctx.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
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
	if errors.Is(err, frame.ErrLimit) { // whoever asked shall not wait for what cannot come
		f.Flags, f.Payload = frame.FlagFailed, frame.AppendFailure(nil, bus.Fault{Code: frame.CodeFailed, Text: "answer: " + err.Error()})
		err = errors.Join(err, r.Send(&f))
	}
	if err != nil && r.Failed != nil {
		r.Failed(fmt.Errorf("reply to %q: %w", req.Target, err))
	}
}

// callHandler turns a handler's panic into an error for the requester: one bad
// request must not end a process that serves many.
func callHandler(ctx context.Context, req *bus.Request, h bus.Responder) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			body, err = nil, fmt.Errorf("responder panicked: %v", v)
		}
	}()
	return h(ctx, req)
}
