package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

// Caller is who sent a request.
type Caller struct {
	// Key is what ids of requests belong to. It outlasts a connection, so that a caller
	// can ask again after it has connected again.
	Key string
	// Identity is that of the connection, as far as it is known. Its role decides which
	// operations it may call.
	Identity router.Identity
	// Source is the broker's id of the connection.
	Source uint32
}

// Call is a request that is carried out.
type Call struct {
	control.Request
	Caller Caller
}

// Handler carries out an operation and returns its result, which becomes the payload of
// the answer: a value that is written as a JSON object, or nil for none. ctx ends at the
// deadline of the operation, or when the Dispatcher is closed. A returned *control.Error
// becomes the error of the answer; any other is one with control.CodeInternal. What is
// returned counts, also after the end of ctx: a result means that the operation was
// carried out.
type Handler func(ctx context.Context, c *Call) (any, error)

// Options configure a Dispatcher.
type Options struct {
	// Handlers are the operations that can be called. The others are answered with
	// control.CodeUnsupportedOperation.
	Handlers map[control.Operation]Handler
	// Identify returns who the client with a source is. Where it is nil, each source
	// is a caller of its own, which may call everything.
	Identify func(ctx context.Context, source uint32) (Caller, error)
	// Now is the broker's clock; default router.Now.
	Now func() int64
	// Logger takes a line for each operation that changes something or is refused;
	// default none.
	Logger *slog.Logger
}

// Dispatcher answers requests. Safe for concurrent use.
type Dispatcher struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	turns  turns

	mu       sync.Mutex
	requests *requests      // guarded by mu
	closed   bool           // guarded by mu
	running  sync.WaitGroup // operations; added to while mu is held and not closed
}

// New makes a dispatcher. Close it when done.
func New(o Options) *Dispatcher {
	if o.Now == nil {
		o.Now = router.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{o: o, requests: newRequests(documented)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Close ends the operations that are carried out, and returns when the last has ended.
// Requests that come later are refused. It may be called again.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.running.Wait()
}

// Respond is a router.Responder. It fails only where its caller has gone; every other
// outcome is an envelope.
func (d *Dispatcher) Respond(ctx context.Context, r *router.Request) ([]byte, error) {
	began := time.Now()
	q, err := control.DecodeRequest(r.Payload)
	var who Caller
	if err == nil {
		if who, err = d.identify(ctx, r.Source); err == nil {
			err = d.admit(&q, &who)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.log(&q, &who, err)
		return encode(&q, nil, err, times{total: time.Since(began)}), nil
	}
	c, how := d.note(&q, &who, began)
	switch how {
	case fresh, repeated:
	case reused:
		err = control.Errorf(control.CodeIDReused, "the id %s was used for another request", q.ID)
	case crowded:
		err = control.Errorf(control.CodeBusy, "this caller has %d operations open already, or there are %d other callers", MaxOpen, MaxCallers)
	case ending:
		err = errEnding
	}
	if err != nil {
		d.log(&q, &who, err)
		return encode(&q, nil, err, times{total: time.Since(began)}), nil
	}
	return d.await(ctx, &q, c, how == repeated)
}

// ending is the verdict of a dispatcher that is closed.
const ending verdict = crowded + 1

var errEnding = control.Errorf(control.CodeShuttingDown, "it is ending")

func (d *Dispatcher) identify(ctx context.Context, source uint32) (Caller, error) {
	if d.o.Identify == nil {
		return Caller{Key: strconv.FormatUint(uint64(source), 10), Source: source}, nil
	}
	return d.o.Identify(ctx, source)
}

// admit checks what does not depend on earlier requests.
func (d *Dispatcher) admit(q *control.Request, who *Caller) error {
	info, _ := q.Operation.Info()
	if d.o.Identify != nil && !slices.Contains(info.Callers, who.Identity.Role) {
		return control.Errorf(control.CodePermissionDenied, "a client with the role %.20q may not call %s", who.Identity.Role, q.Operation)
	}
	if d.o.Handlers[q.Operation] == nil {
		return control.Errorf(control.CodeUnsupportedOperation, "%s is not carried out here", q.Operation)
	}
	left := time.Duration(q.Deadline - d.o.Now())
	switch {
	case left <= 0:
		return control.Errorf(control.CodeDeadlinePassed, "the deadline has passed")
	case left > control.MaxAhead:
		return control.Errorf(control.CodeInvalidDeadline, "deadline_ns: %s ahead, want at most %s", left, control.MaxAhead)
	}
	return nil
}

// note looks the request up, and has it carried out if it is fresh.
func (d *Dispatcher) note(q *control.Request, who *Caller, began time.Time) (*call, verdict) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ending
	}
	c, how := d.requests.note(who.Key, q.ID, contentOf(q), began)
	if how == fresh {
		d.running.Go(func() { d.execute(&Call{*q, *who}, c, began) }) // Close waits for it
	}
	return c, how
}

// contentOf is the digest of what makes a request the same: not its deadline, because
// who asks again gives it more time.
func contentOf(q *control.Request) digest {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(q.Operation), []byte(q.Target), q.Payload} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return digest(h.Sum(nil))
}

// await returns the answer of a call when it is there. An operation ends with its
// deadline, so only a request that repeats it can have less time.
func (d *Dispatcher) await(ctx context.Context, q *control.Request, c *call, again bool) ([]byte, error) {
	if !again {
		select {
		case <-c.answered:
			return c.answer, nil
		case <-ctx.Done():
		}
		select {
		case <-c.answered: // both, because the operation ends who serves it
			return c.answer, nil
		default:
			return nil, ctx.Err()
		}
	}
	began := time.Now()
	timeout := time.NewTimer(time.Duration(q.Deadline - d.o.Now()))
	defer timeout.Stop()
	select {
	case <-c.answered:
		return asRepeated(c.answer), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timeout.C:
		err := control.Errorf(control.CodeInProgress, "the operation of an earlier request with this id goes on")
		return encode(q, nil, err, times{total: time.Since(began)}), nil
	}
}

// execute carries a call out, and notes its answer.
func (d *Dispatcher) execute(c *Call, noted *call, began time.Time) {
	var t times
	result, err := d.perform(c, &t)
	t.total = time.Since(began)
	d.log(&c.Request, &c.Caller, err)
	answer := encode(&c.Request, result, err, t)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests.settle(c.Caller.Key, noted, answer, time.Now())
}

// perform waits for the turn of the call and calls its handler.
func (d *Dispatcher) perform(c *Call, t *times) (result any, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, time.Duration(c.Deadline-d.o.Now()))
	defer cancel()
	began := time.Now()
	if info, _ := c.Operation.Info(); info.Changes && !info.Urgent {
		done, err := d.turns.take(ctx, c.Target)
		t.queue = time.Since(began)
		if err != nil {
			return nil, d.unbegun(err)
		}
		defer done()
	}
	if c.Deadline <= d.o.Now() {
		return nil, d.unbegun(context.DeadlineExceeded)
	}
	began = time.Now()
	result, err = callHandler(ctx, d.o.Handlers[c.Operation], c)
	t.execution = time.Since(began)
	if err != nil {
		return nil, d.failure(err)
	}
	return result, nil
}

// Turn waits for the turn of a change of target that no request asks for, and keeps it until
// done is called, so that no operation changes target meanwhile. It fails with a
// *control.Error when too many wait, and with the error of ctx.
func (d *Dispatcher) Turn(ctx context.Context, target string) (done func(), err error) {
	return d.turns.take(ctx, target)
}

// callHandler calls h, and turns a panic into an error, because one bad request must not end
// a process that serves many.
func callHandler(ctx context.Context, h Handler, c *Call) (result any, err error) {
	defer func() {
		if v := recover(); v != nil {
			result, err = nil, control.Errorf(control.CodeInternal, "the handler of %s panicked: %v", c.Operation, v)
		}
	}()
	return h(ctx, c)
}

// unbegun is the error of an operation that was not begun because of err.
func (d *Dispatcher) unbegun(err error) error {
	var chosen *control.Error
	switch {
	case errors.As(err, &chosen):
		return chosen
	case d.ctx.Err() != nil:
		return errEnding
	}
	return control.Errorf(control.CodeDeadlinePassed, "the deadline passed while the operation waited for its turn")
}

// failure is the error of an operation whose handler returned err.
func (d *Dispatcher) failure(err error) error {
	var chosen *control.Error
	switch {
	case errors.As(err, &chosen):
		return chosen
	case errors.Is(err, context.Canceled) && d.ctx.Err() != nil:
		return errEnding
	case errors.Is(err, context.DeadlineExceeded):
		return control.Errorf(control.CodeTimeout, "%v", err)
	}
	return control.Errorf(control.CodeInternal, "%v", err)
}
