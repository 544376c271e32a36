package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/queue"
)

// subscription is a subscription of a client. With a handler, messages are handled
// where they were read, on the reading goroutine. Without one they go through a queue
// of the client's own, which announces gaps as the broker's does.
type subscription struct {
	c    *Client
	id   uint64
	spec bus.Subscription

	handler  func(*bus.Message)
	consumer *endpoint.Consumer // nil with a handler

	delivered, lost atomic.Uint64
	cancelled       atomic.Bool // closed on this side; nothing more is handled
	ended           atomic.Pointer[error]
	ctx             context.Context
	cancel          context.CancelFunc

	// owned by the reading goroutine
	lastSequence uint64    // highest of the broker's, where a replay was asked for
	laneBase     [2]uint64 // added to a lane's numbers, which begin anew with each connection
	laneNext     [2]uint64 // number of a lane's next message, where a handler counts by them
	batch        int       // how many messages a handler gets before they are counted
	message      bus.Message
	inflated     []byte
	scratch      []queue.Item

	draining bool // guarded by c.mu; it is not resumed on a new connection
	pending  bool // guarded by c.mu; Subscribe waits for the ack, and sends the frame itself

	credit credit

	mu       sync.Mutex // held while producing into the consumer's queue
	produced bool       // guarded by mu; nothing more is produced
}

// Subscribe implements bus.Bus.
func (c *Client) Subscribe(ctx context.Context, spec bus.Subscription) (bus.Subscriber, error) {
	s, err := c.subscribe(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

func (c *Client) newSubscription(spec bus.Subscription) *subscription {
	s := &subscription{c: c, id: c.calls.NextID(), spec: spec, handler: spec.Handler, pending: true, batch: batchOf(0)}
	if s.handler == nil {
		q := new(queue.Queue)
		q.Reset(bus.DropOldest, c.o.Queue, c.o.Queue, true)
		q.SetDropReason(frame.ReasonClient, s.droppedItems)
		s.consumer = endpoint.NewConsumer(q, c.terms.Load().MaxMessageSize)
		s.consumer.Settled = s.settledItems
	}
	s.credit.begin(s.id, [2]uint64{})
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	return s
}

func (c *Client) subscribe(ctx context.Context, spec bus.Subscription) (*subscription, error) {
	s := c.newSubscription(spec)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, bus.ErrClosed
	}
	c.subs[s.id] = s
	c.mu.Unlock()
	f, err := s.subscribeFrame(spec)
	if err == nil {
		err = c.await(ctx, f)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *subscription) subscribeFrame(spec bus.Subscription) (*frame.Fields, error) {
	payload, err := spec.AppendJSON(nil)
	if err != nil {
		return nil, err
	}
	return &frame.Fields{
		Type: frame.TypeSubscribe, Priority: frame.NormalPriority, Content: frame.ContentJSON, Payload: payload, ID: s.id, Time: frame.Now(),
	}, nil
}

// appendResubscribe appends the frame that subscribes again on a new connection, which
// may be to a new broker, whose sequences begin anew.
func (s *subscription) appendResubscribe(dst []byte, newBroker bool) ([]byte, error) {
	spec := s.spec
	spec.Retained = false // they were delivered before, and the gap announces what changed since
	switch {
	case spec.ReplayFrom == 0:
	case newBroker:
		s.lastSequence, spec.ReplayFrom = 0, 1
	case s.lastSequence > 0:
		spec.ReplayFrom = s.lastSequence + 1
	}
	f, err := s.subscribeFrame(spec)
	if err != nil {
		return dst, err
	}
	return frame.Append(dst, f)
}

func (s *subscription) unsubscribeFrame() *frame.Fields {
	return &frame.Fields{Type: frame.TypeUnsubscribe, Priority: frame.NormalPriority, ID: s.id, Time: frame.Now()}
}

// Messages implements bus.Subscriber.
func (s *subscription) Messages(ctx context.Context) iter.Seq[*bus.Message] {
	if s.consumer == nil {
		return func(func(*bus.Message) bool) {} // the handler gets them
	}
	return s.consumer.Messages(ctx)
}

// Err implements bus.Subscriber.
func (s *subscription) Err() error {
	if p := s.ended.Load(); p != nil && !errors.Is(*p, bus.ErrClosed) {
		return *p
	}
	return nil
}

// Stats implements bus.Subscriber.
func (s *subscription) Stats() bus.SubscriberStats {
	if s.consumer != nil {
		return s.consumer.Stats()
	}
	return bus.SubscriberStats{Delivered: s.delivered.Load(), Lost: s.lost.Load()}
}

// Close implements bus.Subscriber.
func (s *subscription) Close() error {
	c := s.c
	s.cancelled.Store(true)
	s.cancel()
	c.mu.Lock()
	_, open := c.subs[s.id]
	delete(c.subs, s.id)
	connected := c.fd >= 0 && !c.closed
	c.mu.Unlock()
	if !open {
		return nil
	}
	defer s.abandon()
	if !connected {
		return nil // the broker has forgotten it already
	}
	_ = c.out.EnqueueUrgent(s.credit.appendFrames, false)
	err := c.out.Enqueue(s.unsubscribeFrame()) // it waits for nothing, so that a handler may call Close
	if errors.Is(err, ErrDisconnected) || errors.Is(err, bus.ErrClosed) {
		return nil
	}
	return err
}

// Drain implements bus.Subscriber: the broker sends what it has queued, and then the
// ack.
func (s *subscription) Drain(ctx context.Context) error {
	if s.c.inHandler() {
		return fmt.Errorf("drain: %w", ErrInHandler)
	}
	err := s.drain(ctx)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

func (s *subscription) drain(ctx context.Context) error {
	c := s.c
	c.mu.Lock()
	_, open := c.subs[s.id]
	s.draining = true
	c.mu.Unlock()
	if !open {
		return nil
	}
	f := s.unsubscribeFrame()
	f.Flags = frame.FlagDrain
	err := c.await(ctx, f)
	if err == nil { // the broker has forgotten it
		c.mu.Lock()
		delete(c.subs, s.id)
		c.mu.Unlock()
		defer s.abandon()
	}
	if ctx.Err() != nil {
		return err
	}
	if s.consumer != nil { // also when the connection was lost: what has come can be taken
		s.consumer.Queue.Close()
		s.consumer.Finish()
	}
	if werr := s.waitConsumed(ctx); err == nil {
		err = werr
	}
	return err
}

// batchOf returns how many messages the program is shown before they are counted as
// consumed: no more than after how many the broker must know, where there is a window.
func batchOf(window uint32) int {
	if window == 0 {
		return queue.ClaimSize
	}
	return int(min(queue.ClaimSize, (uint64(window)+1)/2)) // see frame.CreditDue
}

// acknowledged makes it a subscription that is resumed on a new connection.
func (s *subscription) acknowledged(ack frame.Ack) {
	if s.credit.setWindow(ack.Window) {
		s.reportCredit(true)
	}
	s.batch = batchOf(ack.Window)
	if s.consumer != nil {
		s.consumer.SetBatch(s.batch)
	}
	s.c.mu.Lock()
	s.pending = false
	s.c.mu.Unlock()
}

// refused ends a subscription that the broker of a new connection does not take.
// Reading goroutine only.
func (s *subscription) refused(err error) {
	s.c.mu.Lock()
	delete(s.c.subs, s.id)
	s.c.mu.Unlock()
	s.end(fmt.Errorf("subscribe again: %w", err))
	_ = s.c.out.Enqueue(s.unsubscribeFrame()) // if the broker has a part of it; without a connection it has none
}

// end lets consumers take what is left and then see the end. The reading goroutine
// calls it when nothing more can come.
func (s *subscription) end(err error) {
	s.ended.CompareAndSwap(nil, &err)
	if s.consumer != nil {
		s.consumer.Queue.Close()
		s.consumer.Finish()
	}
}

// abandon drops what is left.
func (s *subscription) abandon() {
	s.cancel()
	if s.consumer == nil {
		return
	}
	s.mu.Lock()
	s.produced = true
	s.mu.Unlock()
	s.consumer.Queue.Close()
	s.consumer.Abandon()
}

// push queues items for the consumer. Reading goroutine only.
func (s *subscription) push(lane bus.Lane, items []queue.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.produced {
		queue.ReleaseItems(items)
		return
	}
	s.consumer.Queue.Push(lane, items, &s.scratch)
}

// consumerBehind reports whether the consumer has not taken yet what was pushed
// before.
func (s *subscription) consumerBehind(lane bus.Lane) bool {
	return s.consumer.Queue.Room(lane) < s.c.o.Queue
}

// waitConsumed waits until the consumer has taken everything.
func (s *subscription) waitConsumed(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	select {
	case <-s.consumer.Ended():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gap announces a loss. Reading goroutine only.
func (s *subscription) gap(g *frame.Gap) {
	if s.consumer == nil {
		s.handleGap(g)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.produced {
		s.consumer.Queue.RecordLoss(g.Lane, g.Count, g.Bytes, g.Reason)
	}
}

// connectionLost announces that the connection was lost, and with it an unknown number
// of messages. Reading goroutine only.
func (s *subscription) connectionLost() {
	s.laneBase = s.laneNext
	next := [2]uint64{} // a handler's messages have no number in a queue
	if s.consumer != nil {
		next = [2]uint64{s.consumer.Queue.Next(bus.Bulk), s.consumer.Queue.Next(bus.Urgent)}
	}
	s.credit.begin(s.id, next)
	s.gap(&frame.Gap{Lane: bus.Bulk, Reason: frame.ReasonConnection})
}
