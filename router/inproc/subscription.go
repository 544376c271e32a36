package inproc

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// subscription is an in-process subscription.
type subscription struct {
	*endpoint.Consumer
	l   *Client
	id  uint64
	sub *broker.Sub
	// done is closed when the goroutine of the handler or responder has ended;
	// nil without one.
	done chan struct{}
	// ctx ends with the subscription.
	ctx    context.Context
	cancel context.CancelFunc
}

// Subscribe implements Bus.
func (l *Client) Subscribe(ctx context.Context, spec bus.Subscription) (bus.Subscriber, error) {
	var work func(*subscription)
	if h := spec.Handler; h != nil {
		work = func(s *subscription) {
			for m := range s.Consumer.Messages(s.ctx) {
				h(m)
			}
		}
	}
	s, err := l.subscribe(ctx, spec, work)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

// Respond implements Bus.
func (l *Client) Respond(ctx context.Context, target string, h bus.Responder) (bus.Closer, error) {
	if err := l.listen(ctx); err != nil { // for cancels
		return nil, fmt.Errorf("respond %q: %w", target, err)
	}
	s, err := l.subscribe(ctx, bus.Subscription{Patterns: []string{target}, Respond: true}, func(s *subscription) {
		l.resp.Serve(s.ctx, s.Consumer, h)
	})
	if err != nil {
		return nil, fmt.Errorf("respond %q: %w", target, err)
	}
	return s, nil
}

// subscribe adds a subscription. If work is not nil, it runs work on a goroutine that Close
// waits for.
func (l *Client) subscribe(ctx context.Context, spec bus.Subscription, work func(*subscription)) (*subscription, error) {
	s := &subscription{l: l, id: l.requests.NextID()}
	err := l.call(ctx, func() error {
		sub, _, err := l.session.Subscribe(s.id, spec)
		switch {
		case errors.Is(err, bus.ErrClosed):
			return err
		case err != nil: // the broker refuses it with the same Fault as over a socket
			fault := frame.FaultOf(err)
			return &fault
		}
		return s.begin(sub, work)
	})
	if err != nil {
		l.calls.Post(s.end) // because it may begin later if ctx ended first
		return nil, err
	}
	return s, nil
}

// begin runs on the routing thread, as the end of the client does. So the client either ends
// later, or has ended and begin returns ErrClosed.
func (s *subscription) begin(sub *broker.Sub, work func(*subscription)) error {
	l := s.l
	s.sub = sub
	s.ctx, s.cancel = context.WithCancel(l.ctx)
	s.Consumer = endpoint.NewConsumer(&sub.Queue, l.maxFrame)
	s.Observe = func(items []queue.Item) { sub.RecordDelivery(items, bus.Now()) }
	if !l.parts.add(s) {
		return bus.ErrClosed
	}
	if work == nil {
		return nil
	}
	s.done = make(chan struct{})
	if !l.parts.start(func() {
		defer close(s.done)
		work(s)
	}) {
		return bus.ErrClosed
	}
	return nil
}

// Messages implements Subscriber.
func (s *subscription) Messages(ctx context.Context) iter.Seq[*bus.Message] {
	return s.Consumer.Messages(ctx)
}

// Err implements Subscriber.
func (s *subscription) Err() error {
	if !s.Queue.Closed() || s.sub.Err() == nil {
		return nil
	}
	return fmt.Errorf("subscription: %w", s.sub.Err())
}

// Close implements Subscriber.
func (s *subscription) Close() error {
	s.cancel()
	err := s.l.calls.DoWithin(closeTimeout, s.l.afterSent(s.end)) // messages that its client published before still match it
	if errors.Is(err, bus.ErrClosed) {
		<-s.l.calls.Stopped()
	}
	if err != nil {
		s.Abandon()
	}
	return nil
}

// Drain implements bus.Subscriber.
func (s *subscription) Drain(ctx context.Context) error {
	err := s.l.call(ctx, func() error {
		s.l.session.Stop(s.id)
		return nil
	})
	if err == nil {
		err = s.drained(ctx)
	}
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// end removes the subscription and drops what is queued. It runs on the routing thread.
func (s *subscription) end() {
	if s.sub == nil {
		return
	}
	s.cancel()
	s.l.session.Unsubscribe(s.id)
	s.l.parts.remove(s)
	s.Abandon()
	s.sub.Finalize()
}

// drained waits until a closed subscription has been consumed to its end, and until its
// goroutine, if it has one, has ended.
func (s *subscription) drained(ctx context.Context) error {
	s.Finish()
	for _, c := range []<-chan struct{}{s.Ended(), s.done} {
		if c == nil {
			continue
		}
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Request implements Bus.
func (l *Client) Request(ctx context.Context, target string, body []byte) (bus.Reply, error) {
	if err := l.listen(ctx); err != nil {
		return bus.Reply{}, fmt.Errorf("request %q: %w", target, err)
	}
	return l.requests.Request(ctx, target, body)
}

// listen starts the goroutine that reads the inbox, once.
func (l *Client) listen(ctx context.Context) error {
	if l.listening.Load() {
		return nil
	}
	return l.call(ctx, func() error {
		if l.listening.Load() {
			return nil
		}
		if !l.parts.start(func() { l.readInbox(l.session.Inbox()) }) {
			return bus.ErrClosed
		}
		l.session.LeaveInbox()
		l.listening.Store(true)
		return nil
	})
}

// readInbox reads answers until the session is closed, by Close or by the end of the broker.
// It then fails all requests, because no answer can come any more.
func (l *Client) readInbox(q *queue.Queue) {
	defer l.requests.Close(bus.ErrClosed)
	l.inbox.Lock()
	l.consumeInbox(q)
	l.inbox.Unlock()
	l.discardInbox(q)
}

// discardInbox drops what is left in a closed inbox. If the inbox's consumer is still
// running, that one calls discardInbox when it ends.
func (l *Client) discardInbox(q *queue.Queue) {
	if q.Closed() && l.inbox.TryLock() {
		q.Discard()
		l.inbox.Unlock()
	}
}

func (l *Client) consumeInbox(q *queue.Queue) {
	for q.Wait(l.abandoned) == nil {
		t, _ := q.Dequeue(queue.ClaimSize)
		if t.HasGap && t.Lane == bus.Urgent {
			l.requests.Fail(endpoint.ErrAnswersLost)
		}
		size := 0
		for i := range t.Items {
			f := t.Items[i].Frame()
			size += len(f)
			if f.Type() == frame.TypeCancel {
				l.resp.Cancel(f)
			} else {
				l.requests.Answer(f)
			}
		}
		q.Delivered(t.Lane, len(t.Items), uint64(size))
		queue.ReleaseItems(t.Items)
	}
}
