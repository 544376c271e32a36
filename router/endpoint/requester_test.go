package endpoint_test

import (
	"context"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/endpoint"
)

// answering returns a Requester whose every frame is answered at once with the frame that
// reply builds, as a broker would do.
func answering(t *testing.T, reply func(f *frame.Fields) []byte) *endpoint.Requester {
	c := &endpoint.Requester{MaxFrame: 1 << 10}
	c.Send = func(_ context.Context, f *frame.Fields) error {
		if b := reply(f); b != nil && !c.Answer(frame.Frame(b)) {
			t.Errorf("no call waits for the answer to %s %d", f.Type, f.ID)
		}
		return nil
	}
	return c
}

func control(typ frame.Type) func(f *frame.Fields) []byte {
	return func(f *frame.Fields) []byte { return frame.AppendControl(nil, typ, f.ID, 0, 0) }
}

func failure(code frame.Code) func(f *frame.Fields) []byte {
	return func(f *frame.Fields) []byte {
		body := frame.Fault{Code: code, Text: "says the broker"}
		return frame.AppendError(frame.AppendControl(nil, frame.TypeError, f.ID, 0, frame.ErrorSize(body)), body)
	}
}

func TestEachAnswerHasItsError(t *testing.T) {
	for name, tc := range map[string]struct {
		reply func(f *frame.Fields) []byte
		want  []error
	}{
		"no responder":            {control(frame.TypeNoResponder), []error{router.ErrNoResponder}},
		"responder died":          {control(frame.TypeResponderDied), []error{router.ErrResponderDied}},
		"denied":                  {failure(frame.CodeDenied), []error{router.ErrDenied}},
		"a deadline has passed":   {failure(frame.CodeDeadline), []error{frame.ErrDeadline, context.DeadlineExceeded}},
		"an error that is no one": {func(f *frame.Fields) []byte { return frame.AppendControl(nil, frame.TypeError, f.ID, 0, 0) }, []error{frame.ErrBody}},
	} {
		_, err := answering(t, tc.reply).Request(within(t), "demo.x", nil)
		for _, want := range tc.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// A failure whose payload cannot be decoded is a failure without a text.
func TestAFailureThatCannotBeDecodedIsAFailure(t *testing.T) {
	large, flag := frame.Compress(nil, make([]byte, 100_000), frame.FlagS2)
	for name, f := range map[string]frame.Fields{
		"empty":       {},
		"half a code": {Payload: []byte{33}},
		"no block":    {Flags: frame.FlagS2, Payload: []byte("no such block")},
		"too large":   {Flags: flag, Payload: large},
		"not UTF-8":   {Payload: []byte("\x21\x00\xff")},
	} {
		f.Type, f.Flags = frame.TypeReply, f.Flags|frame.FlagFailed
		c := answering(t, func(request *frame.Fields) []byte {
			f.ID = request.ID
			b, err := frame.Append(nil, &f)
			if err != nil {
				t.Error(err)
			}
			return b
		})
		_, err := c.Request(within(t), "demo.x", nil)
		var fault *router.Fault
		if !errors.As(err, &fault) || fault.Code != frame.CodeFailed || fault.Text != "" {
			t.Errorf("%s: %v, want a failure without a text", name, err)
		}
	}
}

func TestAReplyInflatesToMaxFrameAtMost(t *testing.T) {
	small, flag := frame.Compress(nil, make([]byte, 100_000), frame.FlagS2)
	c := answering(t, func(f *frame.Fields) []byte {
		b, err := frame.Append(nil, &frame.Fields{Type: frame.TypeReply, ID: f.ID, Flags: flag, Payload: small})
		if err != nil {
			t.Error(err)
		}
		return b
	})
	if _, err := c.Request(within(t), "demo.x", nil); !errors.Is(err, frame.ErrTooLarge) {
		t.Errorf("%v, want ErrTooLarge", err)
	}
}

func TestCloseFailsCallsUntilTheRequesterIsOpenedAgain(t *testing.T) {
	c := &endpoint.Requester{}
	sent := make(chan struct{}, 1)
	c.Send = func(context.Context, *frame.Fields) error { sent <- struct{}{}; return nil }
	outcome := make(chan error, 1)
	ping := func(id uint64) {
		_, err := c.Await(context.Background(), &frame.Fields{Type: frame.TypePing, ID: id})
		outcome <- err
	}
	go ping(c.NextID())
	wait(t, sent)
	lost := errors.New("connection lost")
	c.Close(lost)
	if err := wait(t, outcome); !errors.Is(err, lost) {
		t.Errorf("a waiting call: %v, want the error of Close", err)
	}
	if _, err := c.Request(within(t), "demo.x", nil); !errors.Is(err, lost) {
		t.Errorf("a later call: %v, want the error of Close", err)
	}
	c.Open(0)
	id := c.NextID()
	go ping(id)
	wait(t, sent)
	if !c.Answer(frame.Frame(frame.AppendControl(nil, frame.TypePong, id, 0, 0))) {
		t.Errorf("no call waits for the pong")
	}
	if err := wait(t, outcome); err != nil {
		t.Errorf("with a new connection: %v", err)
	}
	if c.Answer(frame.Frame(frame.AppendControl(nil, frame.TypePong, id, 0, 0))) {
		t.Errorf("a call waits for the second pong")
	}
}

// Wait is for the requests that are open when it is called, and not for pings.
func TestWaitReturnsWhenOpenRequestsHaveEnded(t *testing.T) {
	c := &endpoint.Requester{MaxFrame: 1 << 10}
	sent := make(chan uint64, 3)
	c.Send = func(_ context.Context, f *frame.Fields) error { sent <- f.ID; return nil }
	outcome := make(chan error, 3)
	go func() {
		_, err := c.Await(context.Background(), &frame.Fields{Type: frame.TypePing, ID: c.NextID()})
		outcome <- err
	}()
	wait(t, sent)
	if err := c.Wait(within(t)); err != nil {
		t.Errorf("without a request: %v", err)
	}
	var ids []uint64
	for range 2 {
		go func() {
			_, err := c.Request(context.Background(), "demo.x", nil)
			outcome <- err
		}()
		ids = append(ids, wait(t, sent))
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	waited := make(chan error, 2)
	for range 2 { // several may wait
		go func() { waited <- c.Wait(within(t)) }()
	}
	for _, id := range ids {
		reply, err := frame.Append(nil, &frame.Fields{Type: frame.TypeReply, ID: id})
		if err != nil || !c.Answer(frame.Frame(reply)) {
			t.Errorf("request %d is not answered: %v", id, err)
		}
		if err := wait(t, outcome); err != nil {
			t.Errorf("request %d: %v", id, err)
		}
	}
	for range 2 {
		if err := wait(t, waited); err != nil {
			t.Error(err)
		}
	}
	c.Close(router.ErrClosed)
	wait(t, outcome)
}
