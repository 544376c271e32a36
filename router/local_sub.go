package router

import (
	"context"
	"fmt"
	"iter"

	"github.com/daemoneye/eventbus/frame"
)

// localSub is an in-process subscription.
type localSub struct {
	*Consumer
	l  *Local
	id uint64
	// ctx ends with the subscription.
	ctx    context.Context
	cancel context.CancelFunc
}

// Subscribe implements Bus.
func (l *Local) Subscribe(ctx context.Context, spec Subscription) (Subscriber, error) {
	s, err := l.subscribe(ctx, spec)
	if err != nil {
		return nil, err
	}
	if h := spec.Handler; h != nil {
		l.work(func() {
			for m := range s.Consumer.Messages(s.ctx) {
				h(m)
			}
		})
	}
	return s, nil
}

// subscribe adds the subscription, and its entry in l.subs, in one step: Close
// either sees it or has it refused.
func (l *Local) subscribe(ctx context.Context, spec Subscription) (*localSub, error) {
	s := &localSub{l: l, id: l.calls.NextID()}
	err := l.do(ctx, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed {
			return ErrClosed
		}
		sub, _, err := l.port.Subscribe(s.id, spec)
		if err != nil {
			return err
		}
		s.ctx, s.cancel = context.WithCancel(l.ctx)
		s.Consumer = NewConsumer(&sub.Queue, l.b.opts.MaxMessageSize)
		s.Observe = func(items []Item) { l.b.RecordDelivery(items, Now()) }
		if l.subs == nil {
			l.subs = make(map[*localSub]struct{})
		}
		l.subs[s] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

// work runs f on a goroutine that Close waits for.
func (l *Local) work(f func()) {
	l.workers.Add(1)
	go func() { // Close waits for it
		defer l.workers.Done()
		f()
	}()
}

// Messages implements Subscriber.
func (s *localSub) Messages(ctx context.Context) iter.Seq[*Message] {
	return s.Consumer.Messages(ctx)
}

// Err implements Subscriber. An in-process subscription ends by Close, or with
// the broker.
func (s *localSub) Err() error {
	select {
	case <-s.l.b.done:
		return fmt.Errorf("subscription: %w", ErrClosed)
	default:
		return nil
	}
}

// Close implements Subscriber.
func (s *localSub) Close() error {
	s.cancel()
	s.l.mu.Lock()
	_, open := s.l.subs[s]
	delete(s.l.subs, s)
	s.l.mu.Unlock()
	if open {
		// A broker that has stopped has closed the queue already.
		s.l.b.post(func() { s.end() })
		if s.stoppedBroker() {
			s.Abandon()
		}
	}
	return nil
}

func (s *localSub) stoppedBroker() bool {
	select {
	case <-s.l.b.done:
		return true
	default:
		return false
	}
}

// end removes the subscription, on the routing thread, and drops what is left.
func (s *localSub) end() {
	if s.l.port.Unsubscribe(s.id) {
		s.Abandon()
		s.l.b.stats.retire(s.Queue.Count())
	}
}

// Respond implements Bus.
func (l *Local) Respond(ctx context.Context, target string, h Responder) (Closer, error) {
	if err := l.start(ctx); err != nil {
		return nil, err
	}
	s, err := l.subscribe(ctx, Subscription{Patterns: []string{target}, Respond: true})
	if err != nil {
		return nil, fmt.Errorf("respond %q: %w", target, err)
	}
	l.work(func() { l.resp.Serve(s.ctx, s.Consumer, h) })
	return s, nil
}

// Drain implements Bus.
func (l *Local) Drain(ctx context.Context) error {
	var open []*localSub
	err := l.do(ctx, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for s := range l.subs {
			l.port.Unsubscribe(s.id) // closes the queue; its consumer takes what is left
			open = append(open, s)
		}
		return nil
	})
	for _, s := range open {
		select {
		case <-s.Ended():
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	return err
}

// Close implements Bus. It must not be called from a handler.
func (l *Local) Close() error {
	l.stopped.Store(true)
	l.mu.Lock()
	again := l.closed
	l.closed = true
	if l.buf != nil {
		l.buf.Release(1)
		l.buf = nil
	}
	subs := l.subs
	l.subs = nil
	l.mu.Unlock()
	if again {
		l.workers.Wait()
		return nil
	}
	l.cancel()
	ended := func() {
		if l.port == nil {
			return
		}
		l.b.takeLocals() // what was published before Close is published
		for s := range subs {
			s.end()
		}
		l.port.Close()
		for i, x := range l.b.locals {
			if x == l {
				l.b.locals = append(l.b.locals[:i], l.b.locals[i+1:]...)
				break
			}
		}
	}
	if !l.b.running.Load() || l.b.do(context.Background(), ended) != nil {
		// Nobody routes any more, or yet: then this goroutine is the only one.
		for s := range subs {
			s.Queue.Close()
			s.Abandon()
		}
		l.b.post(ended)
	}
	l.calls.Close(ErrClosed)
	l.workers.Wait()
	l.discard()
	return nil
}

// discard releases what the routing thread will never take.
func (l *Local) discard() {
	select {
	case <-l.b.done:
	default:
		return
	}
	for {
		batch := l.in.Claim(ClaimSize)
		if len(batch.Items) == 0 {
			l.in.Release()
			return
		}
		ReleaseItems(batch.Items)
	}
}

// localSink is the port's view of an in-process client. Consumers wake up by
// themselves, so there is nothing to write.
type localSink struct{ l *Local }

// Drain implements Sink.
func (s localSink) Drain(p *Port) {
	for _, sub := range p.ready {
		sub.Done()
	}
	p.ready = p.ready[:0]
}

// Disconnect implements Sink; the broker ends in-process subscriptions itself.
func (s localSink) Disconnect(frame.Code, string) {}

// Tick implements Sink.
func (s localSink) Tick(int64) {}
