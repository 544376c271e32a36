package broker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
	"github.com/daemoneye/eventbus/router/queue"
)

func TestATargetIsServedByABoundedNumberOfHandlers(t *testing.T) {
	const queued = 2
	b := serve(t, router.Options{UrgentQueued: queued})
	c, d := client(t, b, "c"), client(t, b, "d")
	slow := brokertest.NewBlocker()
	respond(t, d, "slow", slow.Handle)
	// Requests that run, that wait for a handler, and that wait in the queue; and those that
	// its reader has dequeued, at most as many as the queue holds.
	const fit = router.MaxConcurrentRequests + 1 + 2*queued
	const n = fit + 20
	var outcomes []<-chan error
	for range n {
		outcomes = append(outcomes, ask(context.Background(), c, "slow"))
	}
	overloaded := 0
	merged := make(chan error, n)
	for _, o := range outcomes {
		go func() { merged <- <-o }()
	}
	for range n - fit {
		if err := brokertest.Wait(t, merged); !errors.Is(err, router.ErrOverloaded) {
			t.Fatalf("%v, want ErrOverloaded", err)
		}
		overloaded++
	}
	close(slow.Let)
	answered := 0
	for range fit {
		switch err := brokertest.Wait(t, merged); {
		case err == nil:
			answered++
		case errors.Is(err, router.ErrOverloaded):
			overloaded++
		default:
			t.Error(err)
		}
	}
	if answered < 1 || answered+overloaded != n || len(slow.Called) != answered {
		t.Errorf("%d answered, %d overloaded, %d handled, of %d", answered, overloaded, len(slow.Called), n)
	}
	s := stats(t, b)
	if s.Refused["overloaded"] != uint64(overloaded) || s.OpenRequests != 0 {
		t.Errorf("refused %v, open %d; %d were overloaded", s.Refused, s.OpenRequests, overloaded)
	}
}

func TestTheRequestsOfAClientAreLimited(t *testing.T) {
	b := serve(t, router.Options{MaxRequests: 2})
	c, d := client(t, b, "c"), client(t, b, "d")
	slow := brokertest.NewBlocker()
	respond(t, d, "slow", slow.Handle)
	respond(t, d, "fast", echo)
	first, second := ask(context.Background(), c, "slow"), ask(context.Background(), c, "slow")
	brokertest.Wait(t, slow.Called)
	brokertest.Wait(t, slow.Called)
	if _, err := c.Request(within(t), "fast", nil); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("the third: %v, want ErrLimit", err)
	}
	if _, err := d.Request(within(t), "fast", nil); err != nil {
		t.Errorf("another client's: %v", err)
	}
	close(slow.Let)
	for _, o := range []<-chan error{first, second} {
		if err := brokertest.Wait(t, o); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Request(within(t), "fast", nil); err != nil {
		t.Errorf("when two are answered: %v", err)
	}
}

// A request and its cancel take different lanes, and the cancel may arrive first. It ends
// that request only, and not a later one with the same number.
func TestACancelThatOvertakesItsRequest(t *testing.T) {
	q := new(queue.Queue)
	q.Reset(router.DropNewest, 1, 8, true)
	pool := buffer.NewPool()
	var scratch []queue.Item
	push := func(id, sequence uint64) {
		buf := pool.Get(1 << 10)
		buf.B, _ = frame.Append(buf.B, &frame.Fields{Type: frame.TypeRequest, Topic: "x", Source: 7, ID: id, Sequence: sequence})
		q.Push(router.Urgent, []queue.Item{{Buf: buf, Len: uint32(len(buf.B))}}, &scratch)
	}
	var mu sync.Mutex
	var answered []uint64
	r := endpoint.Responders{Send: func(f *frame.Fields) error {
		mu.Lock()
		defer mu.Unlock()
		answered = append(answered, f.ID)
		return nil
	}}
	cancel := frame.AppendControl(nil, frame.TypeCancel, 2, 0, 0)
	frame.Frame(cancel).Stamp(7, 102)
	r.Cancel(frame.Frame(cancel))
	for id := range uint64(3) {
		push(id+1, id+101)
	}
	push(2, 104)
	q.Close()
	handled := 0
	r.Serve(context.Background(), endpoint.NewConsumer(q, 1<<10), func(context.Context, *router.Request) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		handled++
		return nil, nil
	})
	slices.Sort(answered)
	if diff := cmp.Diff([]uint64{1, 2, 3}, answered); diff != "" || handled != 3 {
		t.Errorf("%d were handled, want three; answered (-want +got)\n%s", handled, diff)
	}
	if n := pool.Live(); n != 0 {
		t.Errorf("%d bytes of buffers are not back in the pool", n)
	}
}

// A cancel that comes after the answer does not end the request that has the number now.
func TestACancelIsForOneRequest(t *testing.T) {
	q := new(queue.Queue)
	q.Reset(router.DropNewest, 1, 8, true)
	pool := buffer.NewPool()
	buf := pool.Get(1 << 10)
	buf.B, _ = frame.Append(buf.B, &frame.Fields{Type: frame.TypeRequest, Topic: "x", Source: 7, ID: 2, Sequence: 104})
	var scratch []queue.Item
	q.Push(router.Urgent, []queue.Item{{Buf: buf, Len: uint32(len(buf.B))}}, &scratch)
	q.Close()
	r := endpoint.Responders{Send: func(*frame.Fields) error { return nil }}
	cancel := func(sequence uint64) {
		c := frame.Frame(frame.AppendControl(nil, frame.TypeCancel, 2, 0, 0))
		c.Stamp(7, sequence)
		r.Cancel(c)
	}
	r.Serve(context.Background(), endpoint.NewConsumer(q, 1<<10), func(ctx context.Context, _ *router.Request) ([]byte, error) {
		if cancel(102); ctx.Err() != nil {
			t.Errorf("the cancel of an earlier one ends it")
		}
		if cancel(104); ctx.Err() == nil {
			t.Errorf("its own does not")
		}
		return nil, nil
	})
	if n := pool.Live(); n != 0 {
		t.Errorf("%d bytes of buffers are not back in the pool", n)
	}
}

// answer has the far end send a reply without a request.
func (f *farEnd) answer(t *testing.T, source uint32, id uint64) {
	buf := f.b.Pool().Get(1 << 10)
	var err error
	if buf.B, err = frame.Append(buf.B, &frame.Fields{Type: frame.TypeReply, Source: source, ID: id, Payload: []byte("forged")}); err != nil {
		t.Error(err)
	}
	if err := f.session.Handle(buf, 0, frame.Frame(buf.B)); err != nil {
		t.Error(err)
	}
	buf.Release(1)
}

func TestOnlyTheResponderOfARequestCanAnswerIt(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := client(t, b, "c"), client(t, b, "d")
	far, on := attach(t, b, 0)
	slow := brokertest.NewBlocker()
	respond(t, d, "slow", slow.Handle)
	outcome := ask(context.Background(), c, "slow")
	brokertest.Wait(t, slow.Called)
	on(func() {
		for source := range uint32(5) {
			for id := range uint64(20) {
				far.answer(t, source, id)
			}
		}
	})
	if n := stats(t, b).LateReplies; n != 100 {
		t.Errorf("%d forged answers are counted, want 100", n)
	}
	close(slow.Let)
	if err := brokertest.Wait(t, outcome); err != nil {
		t.Errorf("the true answer: %v", err)
	}
}

func TestARequestNumberIsNotUsedTwiceAtOnce(t *testing.T) {
	b := serve(t, router.Options{})
	d := client(t, b, "d")
	far, on := attach(t, b, 0)
	slow := brokertest.NewBlocker()
	defer close(slow.Let)
	respond(t, d, "slow", slow.Handle)
	send := func() (err error) {
		on(func() {
			buf := b.Pool().Get(1 << 10)
			buf.B, _ = frame.Append(buf.B, &frame.Fields{Type: frame.TypeRequest, Topic: "slow", ID: 1})
			err = far.session.Handle(buf, 0, frame.Frame(buf.B))
			buf.Release(1)
		})
		return err
	}
	if err := send(); err != nil {
		t.Error(err)
	}
	if err := send(); frame.CodeOf(err) != frame.CodeUnexpected {
		t.Errorf("again: %v, want ErrUnexpected", err)
	}
	on(func() {
		if diff := cmp.Diff([]string(nil), far.lines); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
