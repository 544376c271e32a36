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

// clientSub is a subscription of a client. With a handler, messages are shown to
// it where they were read, on the reading goroutine; else they go through a queue
// of the client's own, which tells gaps as the broker's does.
type clientSub struct {
	c    *Client
	id   uint64
	spec bus.Subscription

	handler  func(*bus.Message)
	consumer *endpoint.Consumer // nil with a handler

	delivered, lost atomic.Uint64
	gone            atomic.Bool // closed on this side; nothing more is shown
	ended           atomic.Pointer[error]
	ctx             context.Context
	cancel          context.CancelFunc

	// owned by the reading goroutine
	seen    uint64    // highest of the broker's sequences, where the replay is asked for
	base    [2]uint64 // added to a lane's numbers, which begin anew with each connection
	next    [2]uint64 // of a lane, where a handler counts by them
	shown   uint64    // delivered, which is brought up to date after each batch
	message bus.Message
	inflate []byte
	scratch []queue.Item

	pending bool // guarded by c.mu; its Subscribe waits for the ack, and sends it itself

	mu     sync.Mutex // held while producing into the consumer's queue
	closed bool       // guarded by mu; nothing is produced any more
}

// Subscribe implements bus.Bus.
func (c *Client) Subscribe(ctx context.Context, spec bus.Subscription) (bus.Subscriber, error) {
	s, err := c.subscribe(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

func (c *Client) subscribe(ctx context.Context, spec bus.Subscription) (*clientSub, error) {
	s := &clientSub{c: c, id: c.calls.NextID(), spec: spec, handler: spec.Handler, pending: true}
	if s.handler == nil {
		q := new(queue.Queue)
		q.Reset(bus.DropOldest, c.o.Queue, c.o.Queue, true)
		s.consumer = endpoint.NewConsumer(q, c.terms.Load().MaxMessageSize)
	}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, bus.ErrClosed
	}
	c.subs[s.id] = s
	c.mu.Unlock()
	payload, err := spec.AppendJSON(nil)
	if err == nil {
		err = c.await(ctx, &frame.Fields{
			Type: frame.TypeSubscribe, Priority: frame.NormalPriority, Content: frame.ContentJSON, Payload: payload, ID: s.id, Time: frame.Now(),
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// appendSubscribe appends the frame that subscribes again on a new connection,
// which may be to a new broker, whose sequences begin anew.
func (s *clientSub) appendSubscribe(dst []byte, newBroker bool) ([]byte, error) {
	spec := s.spec
	spec.Retained = false // it was told, and what changed since is announced by the gap
	switch {
	case spec.ReplayFrom == 0:
	case newBroker:
		s.seen, spec.ReplayFrom = 0, 1
	case s.seen > 0:
		spec.ReplayFrom = s.seen + 1
	}
	payload, err := spec.AppendJSON(nil)
	if err != nil {
		return dst, err
	}
	return frame.Append(dst, &frame.Fields{
		Type: frame.TypeSubscribe, Priority: frame.NormalPriority, Content: frame.ContentJSON, Payload: payload, ID: s.id, Time: frame.Now(),
	})
}

// Messages implements bus.Subscriber.
func (s *clientSub) Messages(ctx context.Context) iter.Seq[*bus.Message] {
	if s.consumer == nil {
		return func(func(*bus.Message) bool) {} // the handler has them
	}
	return s.consumer.Messages(ctx)
}

// Err implements bus.Subscriber.
func (s *clientSub) Err() error {
	if p := s.ended.Load(); p != nil && !errors.Is(*p, bus.ErrClosed) {
		return *p
	}
	return nil
}

// Stats implements bus.Subscriber.
func (s *clientSub) Stats() bus.SubscriberStats {
	if s.consumer != nil {
		return s.consumer.Stats()
	}
	return bus.SubscriberStats{Delivered: s.delivered.Load(), Lost: s.lost.Load()}
}

// Close implements bus.Subscriber.
func (s *clientSub) Close() error {
	c := s.c
	s.gone.Store(true)
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
	send := c.send
	if c.reading() {
		send = c.out.later
	}
	err := send(s.unsubscribe())
	if errors.Is(err, ErrDisconnected) || errors.Is(err, bus.ErrClosed) {
		return nil
	}
	return err
}

// end lets consumers take what is left and then see the end. The reading
// goroutine calls it when there is nothing more to come.
func (s *clientSub) end(err error) {
	s.ended.CompareAndSwap(nil, &err)
	if s.consumer != nil {
		s.consumer.Queue.Close()
		s.consumer.Finish()
	}
}

func (s *clientSub) unsubscribe() *frame.Fields {
	return &frame.Fields{Type: frame.TypeUnsubscribe, Priority: frame.NormalPriority, ID: s.id, Time: frame.Now()}
}

// acknowledged makes it a subscription that is resumed on a new connection.
func (s *clientSub) acknowledged() {
	s.c.mu.Lock()
	s.pending = false
	s.c.mu.Unlock()
}

// refused ends a subscription that a new connection's broker does not take.
// Reading goroutine only.
func (s *clientSub) refused(err error) {
	s.c.mu.Lock()
	delete(s.c.subs, s.id)
	s.c.mu.Unlock()
	s.end(fmt.Errorf("subscribe again: %w", err))
	_ = s.c.out.later(s.unsubscribe()) // whatever the broker has of it; without a connection that is nothing
}

// abandon drops what is left.
func (s *clientSub) abandon() {
	s.cancel()
	if s.consumer == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.consumer.Queue.Close()
	s.consumer.Abandon()
}

// push queues items for the consumer. Reading goroutine only.
func (s *clientSub) push(lane bus.Lane, items []queue.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		queue.ReleaseItems(items)
		return
	}
	s.consumer.Queue.Push(lane, items, &s.scratch)
}

// behind reports whether the consumer has not taken yet what was pushed before.
func (s *clientSub) behind(lane bus.Lane) bool {
	return s.consumer.Queue.Room(lane) < s.c.o.Queue
}

// drained waits until the consumer has taken everything.
func (s *clientSub) drained(ctx context.Context) error {
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

// Respond implements bus.Bus.
func (c *Client) Respond(ctx context.Context, target string, h bus.Responder) (bus.Closer, error) {
	s, err := c.subscribe(ctx, bus.Subscription{Patterns: []string{target}, Respond: true})
	if err != nil {
		return nil, fmt.Errorf("respond %q: %w", target, err)
	}
	if !c.work(func() { c.resp.Serve(s.ctx, s.consumer, h) }) {
		return nil, errors.Join(fmt.Errorf("respond %q: %w", target, bus.ErrClosed), s.Close())
	}
	return s, nil
}

// show gives the handler the messages that b begins with, which are st's next,
// and returns how many bytes they took. Reading goroutine only.
func (s *clientSub) show(b []byte, maxSize int, st *frame.Stream) (n int) {
	m := &s.message
	urgent, base, replay := st.Lane == bus.Urgent, s.base[st.Lane], s.spec.ReplayFrom > 0
	for !s.gone.Load() {
		f, err := frame.Next(b[n:], maxSize)
		if err != nil || f.Type() != frame.TypePublish {
			break
		}
		n += len(f)
		if replay {
			s.seen = max(s.seen, f.Sequence())
		}
		// Field by field: for a literal that is copied the processor waits longer
		// than for all the rest.
		m.Gap, m.Frame, m.Payload, m.Sequence, m.Urgent, m.More = nil, f, f.Payload(), base+st.Next, urgent, false
		st.Next++
		if f.Flags()&frame.FlagCompressed != 0 {
			// As with Consumer: what cannot be inflated comes without a payload.
			s.inflate, _ = frame.Inflate(s.inflate[:0], f, s.c.calls.MaxPayload)
			m.Payload = s.inflate
		}
		s.shown++
		s.handler(m)
	}
	s.next[st.Lane] = base + st.Next
	return n
}

// gap announces a loss. Reading goroutine only.
func (s *clientSub) gap(g *frame.Gap) {
	if s.consumer != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.consumer.Queue.Skip(g.Lane, g.Count, g.Bytes, g.Reason)
		}
		return
	}
	if s.gone.Load() {
		return
	}
	s.lost.Add(g.Count)
	first, last := g.First+s.base[g.Lane], g.Last+s.base[g.Lane]
	if g.Count > 0 {
		s.next[g.Lane] = last + 1
	}
	s.handler(&bus.Message{Urgent: g.Lane == bus.Urgent, Gap: &bus.Gap{
		First: first, Last: last, Count: g.Count, Bytes: g.Bytes, Urgent: g.Lane == bus.Urgent, Reason: g.Reason,
	}})
}

// interrupted announces that the connection was lost, and with it nobody knows
// how much.
func (s *clientSub) interrupted() {
	s.base = s.next
	s.gap(&frame.Gap{Lane: bus.Bulk, Reason: frame.ReasonConnection})
}
