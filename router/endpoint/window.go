package endpoint

import (
	"context"
	"fmt"
	"sync"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
)

// Settled is the answer to a settle.
type Settled struct {
	frame.Settled
	Err error
}

// SettlePublisher is what a WindowPublisher needs of a transport. Safe for concurrent use.
type SettlePublisher interface {
	// Size returns how long the frame of a message is.
	Size(extension, payload []byte) int
	// Publish publishes a message. It waits for the broker until ctx ends, and for no
	// subscriber.
	Publish(ctx context.Context, payload, extension []byte) error
	// Settle asks for a settled of all that was published before, and returns where it
	// comes, or why it does not. The channel has room for that.
	Settle(ctx context.Context) (<-chan Settled, error)
	// End has the broker forget the publisher. It waits for nothing.
	End()
	// Push sends what waits to be sent together with more. It waits for the broker until ctx
	// ends.
	Push(ctx context.Context) error
	// MayWait returns an error if the calling goroutine must not wait for an answer.
	MayWait() error
	// Closed is closed when no answer can come any more.
	Closed() <-chan struct{}
}

// WindowPublisher implements bus.WindowPublisher over a transport.
//
// It counts what it publishes, and asks with a settle what has been taken, each half of a
// window and when the window is full. One settle is under way at a time. Its answer
// covers all that was published before it was sent: a position, and no count of messages
// taken. So a loss does not make the window smaller.
type WindowPublisher struct {
	t     SettlePublisher
	max   bus.Window
	ended chan struct{} // closed by Close
	close sync.Once

	mu        sync.Mutex
	limit     int           // guarded by mu; messages: max, or the smallest queue
	published position      // guarded by mu; reserved for what is being published included
	sent      position      // guarded by mu; what Publish has returned for
	taken     position      // guarded by mu
	due       position      // guarded by mu; where sent must be for the next look at the settle
	closed    bool          // guarded by mu
	loss      bus.LossError // guarded by mu; not reported yet
	lossy     bool          // guarded by mu; loss is set
	followed  int           // guarded by mu

	// turn holds a token while a goroutine settles. It owns what follows.
	turn    chan struct{}
	pending <-chan Settled // nil: no settle is under way
	covers  position       // what pending will answer for
}

// position counts what a publisher has done since it began.
type position struct{ messages, bytes uint64 }

// settlesPerWindow is how often a window is settled, and how often an answer that has not
// come is looked for. Each settle wakes the broker and every subscriber, and each look may
// be the next settle. On two busy cores a message takes 540 ns with 2, 610 with 4, and 730
// with 8; with 1 it takes 510, but publisher and subscriber take turns, which is the worse
// the more cores there are (BenchmarkWindow, medians of nine rounds in turn).
const settlesPerWindow = 2

// NewWindowPublisher begins a publisher: it waits until the broker follows the
// subscriptions of the topic.
func NewWindowPublisher(ctx context.Context, t SettlePublisher, max bus.Window) (*WindowPublisher, error) {
	if max.Messages < 0 || max.Bytes < 0 {
		return nil, fmt.Errorf("a window of %d messages and %d bytes: want 0 or more", max.Messages, max.Bytes)
	}
	if max.Messages == 0 {
		max.Messages = bus.DefaultWindowMessages
	}
	if max.Bytes == 0 {
		max.Bytes = bus.DefaultWindowBytes
	}
	w := &WindowPublisher{t: t, max: max, limit: max.Messages, ended: make(chan struct{}), turn: make(chan struct{}, 1)}
	if err := w.t.MayWait(); err != nil {
		return nil, err
	}
	pending, err := t.Settle(ctx)
	if err != nil {
		return nil, err
	}
	w.pending = pending
	a, err := w.answer(ctx)
	if err == nil {
		err = a.Err
	}
	if err != nil {
		t.End()
		return nil, err
	}
	w.apply(a)
	w.mu.Lock()
	w.setDue()
	w.mu.Unlock()
	return w, nil
}

// Publish implements bus.WindowPublisher.
func (w *WindowPublisher) Publish(ctx context.Context, payload []byte) error {
	return w.PublishMeta(ctx, payload, nil)
}

// PublishMeta implements bus.WindowPublisher.
func (w *WindowPublisher) PublishMeta(ctx context.Context, payload, extension []byte) error {
	n := uint64(w.t.Size(extension, payload))
	for {
		ok, err := w.reserve(n)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	err := w.t.Publish(ctx, payload, extension)
	if due := w.count(n, err == nil); due && err == nil {
		w.trySettle(ctx)
	}
	return err
}

// reserve takes room for a message of n bytes, if there is some.
func (w *WindowPublisher) reserve(n uint64) (ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, bus.ErrClosed
	}
	if w.lossy {
		return false, w.takeLoss()
	}
	messages, bytes := w.published.messages-w.taken.messages, w.published.bytes-w.taken.bytes
	if messages > 0 && (messages >= uint64(w.limit) || bytes+n > uint64(w.max.Bytes)) {
		return false, nil
	}
	w.published.messages++
	w.published.bytes += n
	return true, nil
}

// count counts a message that was reserved: as sent, or as taken, because nobody will get
// it. It reports whether a settle is due.
func (w *WindowPublisher) count(n uint64, sent bool) (due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !sent {
		w.published.messages--
		w.published.bytes -= n
		return false
	}
	w.sent.messages++
	w.sent.bytes += n
	return w.sent.messages >= w.due.messages || w.sent.bytes >= w.due.bytes
}

// setDue makes the next look due after a part of a window. mu is held.
func (w *WindowPublisher) setDue() {
	w.due.messages = w.sent.messages + uint64(max(1, w.limit/settlesPerWindow))
	w.due.bytes = w.sent.bytes + uint64(max(1, w.max.Bytes/settlesPerWindow))
}

// takeLoss returns the loss that is to be reported. mu is held.
func (w *WindowPublisher) takeLoss() error {
	loss := w.loss
	w.loss, w.lossy = bus.LossError{}, false
	return &loss
}

// trySettle takes an answer that has come, and sends a settle if none is under way. If
// another goroutine is at it, or the broker is slow, the message that waits next does it.
func (w *WindowPublisher) trySettle(ctx context.Context) {
	select {
	case w.turn <- struct{}{}:
	default:
		return
	}
	defer func() { <-w.turn }()
	if w.pending != nil {
		select {
		case a := <-w.pending:
			w.apply(a)
		default:
			w.mu.Lock()
			w.setDue()
			w.mu.Unlock()
			return
		}
	}
	_ = w.ask(ctx) // what it means is reported by the next call
}

// settle waits until more of what was published has been taken.
func (w *WindowPublisher) settle(ctx context.Context) error {
	if err := w.t.MayWait(); err != nil {
		return err
	}
	before := w.position()
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return bus.ErrClosed
	}
	defer func() { <-w.turn }()
	if w.position() != before {
		return nil // another goroutine has waited for it
	}
	if w.pending == nil {
		if err := w.ask(ctx); err != nil {
			if w.reportable() {
				return nil
			}
			return err
		}
	} else if err := w.t.Push(ctx); err != nil { // what is kept back cannot be taken
		return err
	}
	a, err := w.answer(ctx)
	if err != nil {
		return err
	}
	w.apply(a)
	return nil
}

// position returns up to where messages have been taken.
func (w *WindowPublisher) position() position {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.taken
}

// ask sends a settle for all that was sent. The caller has turn.
func (w *WindowPublisher) ask(ctx context.Context) error {
	w.mu.Lock()
	w.covers = w.sent
	w.setDue()
	w.mu.Unlock()
	pending, err := w.t.Settle(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.apply(Settled{Err: err})
		}
		return err
	}
	w.pending = pending
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed {
		w.t.End() // the broker may have got Close's before this settle, which began the publisher again
	}
	return nil
}

// answer waits for the settled that is under way. The caller has turn.
func (w *WindowPublisher) answer(ctx context.Context) (Settled, error) {
	select {
	case a := <-w.pending:
		w.pending = nil
		return a, nil
	default:
	}
	select {
	case a := <-w.pending:
		w.pending = nil
		return a, nil
	case <-ctx.Done():
		return Settled{}, ctx.Err()
	case <-w.ended:
		return Settled{}, bus.ErrClosed
	case <-w.t.Closed():
		return Settled{}, bus.ErrClosed
	}
}

// apply makes room for what the answer covers, and keeps what is to be reported. The
// caller has turn.
func (w *WindowPublisher) apply(a Settled) {
	w.pending = nil
	w.mu.Lock()
	defer w.mu.Unlock()
	unknown := w.covers.messages - w.taken.messages
	switch {
	case a.Err != nil, a.Begins: // the connection was lost, or is another
		if unknown > 0 {
			w.lossy = true
			w.loss.Unknown += unknown
			w.loss.Err = a.Err
		}
	case a.Lost > 0 || a.Left > 0:
		w.lossy = true
		w.loss.Lost += a.Lost
		w.loss.Left += int(a.Left)
	}
	w.taken = w.covers
	if a.Err != nil {
		return
	}
	w.followed = int(a.Subscriptions)
	w.limit = w.max.Messages
	if a.Queue > 0 { // the smallest queue must hold all of the window
		w.limit = min(w.limit, int(a.Queue))
	}
}

// reportable reports whether a loss waits to be reported.
func (w *WindowPublisher) reportable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lossy
}

// Flush implements bus.WindowPublisher.
func (w *WindowPublisher) Flush(ctx context.Context) error {
	w.mu.Lock()
	end := w.sent.messages
	w.mu.Unlock()
	for {
		w.mu.Lock()
		done, lossy, closed := w.taken.messages >= end, w.lossy, w.closed
		var err error
		switch {
		case closed:
			err = bus.ErrClosed
		case lossy:
			err = w.takeLoss()
		}
		w.mu.Unlock()
		if err != nil || done {
			return err
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
}

// Subscriptions implements bus.WindowPublisher.
func (w *WindowPublisher) Subscriptions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.followed
}

// Close implements bus.WindowPublisher.
func (w *WindowPublisher) Close() error {
	w.close.Do(func() {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		close(w.ended)
		w.t.End()
	})
	return nil
}
