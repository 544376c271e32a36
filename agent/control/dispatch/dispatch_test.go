package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody are handlers that all succeed at once.
func nobody() map[control.Operation]dispatch.Handler {
	all := make(map[control.Operation]dispatch.Handler)
	for _, info := range control.Operations() {
		all[info.Operation] = func(context.Context, *dispatch.Call) (any, error) { return nil, nil }
	}
	return all
}

// clock is the time of the broker, which stands still: what has time at its arrival has it
// however busy the machine is. A wait until a deadline still takes as long as is left.
const clock = int64(1 << 40)

// server is a dispatcher under test.
type server struct {
	t *testing.T
	d *dispatch.Dispatcher
}

func newServer(t *testing.T, o dispatch.Options) *server {
	t.Helper()
	o.Now = func() int64 { return clock }
	d := dispatch.New(o)
	t.Cleanup(d.Close)
	return &server{t, d}
}

// request returns a request of an operation on the collector demo that has a minute.
func request(op control.Operation) control.Request {
	return control.Request{ID: control.NewID(), Operation: op, Target: "demo", Deadline: clock + int64(time.Minute)}
}

// ask sends text from the client with that source.
func (s *server) ask(source uint32, text string) control.Response {
	s.t.Helper()
	b, err := s.d.Respond(s.t.Context(), &router.Request{Payload: []byte(text), Source: source})
	if err != nil {
		s.t.Fatal(err)
	}
	var r control.Response
	if err := json.Unmarshal(b, &r); err != nil {
		s.t.Fatalf("%s: %v", b, err)
	}
	return r
}

func (s *server) send(source uint32, q control.Request) control.Response {
	s.t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ask(source, string(b))
}

// code is the outcome of a response in short.
func code(r control.Response) string {
	if r.Error == nil {
		return string(r.Status)
	}
	return string(r.Status) + " " + string(r.Error.Code)
}

// TestEveryRequestGetsAnAnswer, whatever its bytes are.
func TestEveryRequestGetsAnAnswer(t *testing.T) {
	s := newServer(t, dispatch.Options{Handlers: nobody()})
	deadline := clock + int64(time.Minute)
	with := func(fields string) string {
		return fmt.Sprintf(`{"id":"a","operation":"pause","target":"demo","deadline_ns":%d%s}`, deadline, fields)
	}
	tests := []struct{ name, text, want, id string }{
		{"right", with(``), "success", "a"},
		{"a payload", with(`,"payload":{}`), "error ID_REUSED", "a"}, // of the one before
		{"nothing", ``, "error MALFORMED_ENVELOPE", ""},
		{"half an envelope", with(``)[:40], "error MALFORMED_ENVELOPE", "a"},
		{"two envelopes", with(``) + with(``), "error MALFORMED_ENVELOPE", "a"},
		{"a key twice", with(`,"id":"b"`), "error MALFORMED_ENVELOPE", "a"},
		{"a key twice in the payload", with(`,"payload":{"x":{"a":1,"a":2}}`), "error MALFORMED_ENVELOPE", "a"},
		{"an unknown key", with(`,"dead_line":1`), "error MALFORMED_ENVELOPE", "a"},
		{"a key in another case", with(`,"Payload":{}`), "error MALFORMED_ENVELOPE", "a"},
		{"no UTF-8", with(",\"payload\":{\"a\":\"\xff\"}"), "error MALFORMED_ENVELOPE", ""},
		{"too long", with(`,"payload":{"a":"` + strings.Repeat("x", control.MaxEnvelope) + `"}`), "error MALFORMED_ENVELOPE", ""},
		{"too deep", with(`,"payload":` + strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20)), "error MALFORMED_ENVELOPE", "a"},
		{"no id", `{"operation":"pause","target":"demo","deadline_ns":1}`, "error INVALID_ID", ""},
		{"a long id", `{"id":"` + strings.Repeat("i", 129) + `","operation":"pause","target":"demo","deadline_ns":1}`, "error INVALID_ID", ""},
		{"an id with a line", `{"id":"a\nb","operation":"pause","target":"demo","deadline_ns":1}`, "error INVALID_ID", ""},
		{"no operation", `{"id":"b","target":"demo","deadline_ns":1}`, "error UNSUPPORTED_OPERATION", "b"},
		{"an unknown operation", `{"id":"b","operation":"dance","target":"demo","deadline_ns":1}`, "error UNSUPPORTED_OPERATION", "b"},
		{"no target", `{"id":"b","operation":"pause","deadline_ns":1}`, "error INVALID_TARGET", "b"},
		{"a pattern as target", `{"id":"b","operation":"pause","target":"+","deadline_ns":1}`, "error INVALID_TARGET", "b"},
		{"a reserved target", `{"id":"b","operation":"pause","target":"registration","deadline_ns":1}`, "error INVALID_TARGET", "b"},
		{"no deadline", `{"id":"b","operation":"pause","target":"demo"}`, "error INVALID_DEADLINE", "b"},
		{"a negative deadline", `{"id":"b","operation":"pause","target":"demo","deadline_ns":-5}`, "error INVALID_DEADLINE", "b"},
		{"a deadline in a year", `{"id":"b","operation":"pause","target":"demo","deadline_ns":9223372036854775807}`, "error INVALID_DEADLINE", "b"},
		{"a deadline with a fraction", `{"id":"b","operation":"pause","target":"demo","deadline_ns":1.5}`, "error MALFORMED_ENVELOPE", "b"},
		{"a deadline that has passed", `{"id":"b","operation":"pause","target":"demo","deadline_ns":1}`, "timeout DEADLINE_PASSED", "b"},
		{"a long correlation", with(`,"correlation":{"id":"` + strings.Repeat("c", 300) + `"}`), "error INVALID_CORRELATION", "a"},
		{"a payload that is no object", with(`,"payload":[]`), "error INVALID_PAYLOAD", "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{t, s.d}
			r := s.ask(1, tt.text)
			if got := code(r); got != tt.want || r.ID != tt.id {
				t.Errorf("%s of id %q, want %s of %q: %+v", got, r.ID, tt.want, tt.id, r.Error)
			}
			if r.Error != nil && (r.Error.Category != r.Error.Code.Info().Category || r.Error.Message == "") {
				t.Errorf("error is %+v", r.Error)
			}
		})
	}
}

// TestWhoMayCallWhat follows the table of operations and the role that the policy gave.
func TestWhoMayCallWhat(t *testing.T) {
	role := ""
	s := newServer(t, dispatch.Options{Handlers: nobody(), Identify: func(_ context.Context, source uint32) (dispatch.Caller, error) {
		return dispatch.Caller{Key: role, Identity: router.Identity{Role: role}, Source: source}, nil
	}})
	for _, role = range []string{control.Operator, control.CollectorRole, "", "root"} {
		for _, info := range control.Operations() {
			want := "error PERMISSION_DENIED"
			if role == control.Operator || role == control.CollectorRole && (info.Operation == control.OpRegister || info.Operation == control.OpDeregister) {
				want = "success"
			}
			if got := code(s.send(1, request(info.Operation))); got != want {
				t.Errorf("%s by a client with the role %q: %s, want %s", info.Operation, role, got, want)
			}
		}
	}
}

func TestWhatAHandlerReturnsIsTheAnswer(t *testing.T) {
	correlation := &control.Correlation{ID: "c", Tags: map[string]string{"a": "b"}}
	tests := []struct {
		name    string
		handler dispatch.Handler
		want    control.Response
	}{
		{"nothing", func(context.Context, *dispatch.Call) (any, error) { return nil, nil }, control.Response{Status: control.OutcomeSuccess}},
		{"a result", func(context.Context, *dispatch.Call) (any, error) { return control.Started{PID: 7}, nil },
			control.Response{Status: control.OutcomeSuccess, Payload: json.RawMessage(`{"pid":7}`)}},
		{"no object", func(context.Context, *dispatch.Call) (any, error) { return 7, nil },
			control.Response{Status: control.OutcomeError, Error: &control.Error{Code: control.CodeInternal, Message: "the result is no object", Category: control.CategoryInternal}}},
		{"an error", func(context.Context, *dispatch.Call) (any, error) { return nil, errors.New("x") },
			control.Response{Status: control.OutcomeError, Error: &control.Error{Code: control.CodeInternal, Message: "x", Category: control.CategoryInternal}}},
		{"an error of its choice", func(context.Context, *dispatch.Call) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", control.Errorf(control.CodeBusy, "later").With("state", "starting"))
		}, control.Response{Status: control.OutcomeUnavailable, Error: &control.Error{
			Code: control.CodeBusy, Message: "later", Category: control.CategoryResource, Context: map[string]string{"state": "starting"},
		}}},
		{"a panic", func(context.Context, *dispatch.Call) (any, error) { panic("oh") },
			control.Response{Status: control.OutcomeError, Error: &control.Error{Code: control.CodeInternal, Message: "the handler of health_check panicked: oh", Category: control.CategoryInternal}}},
		{"too much", func(context.Context, *dispatch.Call) (any, error) {
			return map[string]string{"a": strings.Repeat("x", control.MaxEnvelope)}, nil
		}, control.Response{Status: control.OutcomeError, Error: &control.Error{
			Code: control.CodeAnswerTooLarge, Message: "the result has 262152 bytes, and an answer has at most 262144", Category: control.CategoryInternal,
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpHealthCheck: tt.handler}})
			q := request(control.OpHealthCheck)
			q.Correlation = correlation
			got := s.send(1, q)
			if got.Total < got.Execution || got.Queue != 0 {
				t.Errorf("times are %v, %v, %v", got.Queue, got.Execution, got.Total)
			}
			tt.want.ID, tt.want.Operation, tt.want.Target, tt.want.Correlation = q.ID, q.Operation, q.Target, correlation
			tt.want.Queue, tt.want.Execution, tt.want.Total = got.Queue, got.Execution, got.Total
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestARepeatedIDIsCarriedOutOnce, also while the first request goes on and when its
// caller has gone. Another caller may use the same id.
func TestARepeatedIDIsCarriedOutOnce(t *testing.T) {
	runs, begun, goOn := 0, make(chan bool, 10), make(chan bool, 10)
	s := newServer(t, dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpRestart: func(context.Context, *dispatch.Call) (any, error) {
		runs++ // one after the other, because it changes the collector
		pid := runs
		begun <- true
		<-goOn
		return control.Started{PID: pid}, nil
	}}})
	q := request(control.OpRestart)
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { // awaited below
		_, err := s.d.Respond(ctx, &router.Request{Payload: body, Source: 1})
		gone <- err
	}()
	<-begun
	hangUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that has gone: %v", err)
	}

	// It goes on, and whoever has less time learns that.
	short := q
	short.Deadline = clock + int64(20*time.Millisecond)
	if r := s.send(1, short); code(r) != "in_progress IN_PROGRESS" {
		t.Errorf("a repetition with little time: %+v", r)
	}
	answers := make(chan control.Response, 2)
	for range 2 {
		go func() { answers <- s.send(1, q) }() // awaited below
	}
	goOn <- true
	for range 2 {
		if r := <-answers; code(r) != "success" || string(r.Payload) != `{"pid":1}` || !r.Repeated {
			t.Errorf("a repetition: %+v", r)
		}
	}
	goOn <- true
	if r := s.send(2, q); string(r.Payload) != `{"pid":2}` || r.Repeated {
		t.Errorf("the same id of another caller: %+v", r)
	}
	other := q
	other.Target = "other"
	if r := s.send(1, other); code(r) != "error ID_REUSED" {
		t.Errorf("another request with the id: %+v", r)
	}
}

// TestOperationsOnOneCollectorTakeTurns: each of two operators gets the outcome of its own,
// questions and kills do not wait, and other collectors do not either.
func TestOperationsOnOneCollectorTakeTurns(t *testing.T) {
	var order []string
	var mu sync.Mutex
	hold := make(chan bool)
	begun := make(chan bool, 10)
	state := "running"
	handlers := nobody()
	handlers[control.OpStop] = func(_ context.Context, c *dispatch.Call) (any, error) {
		if c.Target == "demo" {
			begun <- true
			<-hold
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, "stop "+c.Target)
		if c.Target == "demo" {
			if state == "stopped" {
				return nil, control.Errorf(control.CodeNotRunning, "it is stopped").With("state", state)
			}
			state = "stopped"
		}
		return control.Stopped{Exit: "ended"}, nil
	}
	s := newServer(t, dispatch.Options{Handlers: handlers})
	answers := make(chan control.Response, 10)
	go func() { answers <- s.send(1, request(control.OpStop)) }() // awaited below
	<-begun
	go func() { answers <- s.send(2, request(control.OpStop)) }() // awaited below
	for _, op := range []control.Operation{control.OpHealthCheck, control.OpForceShutdown} {
		if r := s.send(3, request(op)); code(r) != "success" {
			t.Errorf("%s meanwhile: %+v", op, r)
		}
	}
	other := request(control.OpStop)
	other.Target = "other"
	if r := s.send(3, other); code(r) != "success" {
		t.Errorf("another collector meanwhile: %+v", r)
	}
	hold <- true
	first := <-answers
	<-begun
	hold <- true
	second := <-answers
	if code(first) != "success" || code(second) != "error NOT_RUNNING" || second.Error.Context["state"] != "stopped" || second.Queue == 0 {
		t.Errorf("the first stop: %+v; the second: %+v", first, second)
	}
	if diff := cmp.Diff([]string{"stop other", "stop demo", "stop demo"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestWaitingIsBounded: what waits for its turn until its deadline is not begun, and what is
// beyond the bound of the queue is refused at once.
func TestWaitingIsBounded(t *testing.T) {
	hold, begun := make(chan bool), make(chan bool, 100)
	s := newServer(t, dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpPause: func(context.Context, *dispatch.Call) (any, error) {
		begun <- true
		<-hold
		return nil, nil
	}}})
	results := make(chan string, dispatch.MaxWaiting+2)
	send := func() { results <- code(s.send(1, request(control.OpPause))) }
	go send() // awaited below
	<-begun
	short := request(control.OpPause)
	short.Deadline = clock + int64(20*time.Millisecond)
	if r := s.send(1, short); code(r) != "timeout DEADLINE_PASSED" || r.Queue == 0 || r.Execution != 0 {
		t.Errorf("with little time: %+v", r)
	}
	for range dispatch.MaxWaiting + 1 {
		go send() // awaited below
	}
	if got := <-results; got != "unavailable BUSY" || len(begun) != 0 {
		t.Errorf("the first outcome is %s; %d more were begun", got, len(begun))
	}
	close(hold)
	for range dispatch.MaxWaiting + 1 {
		if got := <-results; got != "success" {
			t.Errorf("one that waited: %s", got)
		}
	}
}

// TestAnOperationEndsAtItsDeadline, and one that succeeds after all is reported as a success.
func TestAnOperationEndsAtItsDeadline(t *testing.T) {
	for want, handler := range map[string]dispatch.Handler{
		"timeout TIMEOUT": func(ctx context.Context, _ *dispatch.Call) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"success":         func(ctx context.Context, _ *dispatch.Call) (any, error) { <-ctx.Done(); return nil, nil },
	} {
		s := newServer(t, dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpStart: handler}})
		q := request(control.OpStart)
		q.Deadline = clock + int64(20*time.Millisecond)
		if r := s.send(1, q); code(r) != want {
			t.Errorf("%+v, want %s", r, want)
		}
	}
}

// TestCloseEndsWhatGoesOn, and refuses what comes later.
func TestCloseEndsWhatGoesOn(t *testing.T) {
	begun := make(chan bool, 1)
	s := newServer(t, dispatch.Options{Handlers: map[control.Operation]dispatch.Handler{control.OpStart: func(ctx context.Context, _ *dispatch.Call) (any, error) {
		begun <- true
		<-ctx.Done()
		return nil, ctx.Err()
	}}})
	answers := make(chan control.Response, 2)
	for range 2 { // one is carried out, and one waits
		go func() { answers <- s.send(1, request(control.OpStart)) }() // awaited below
	}
	<-begun
	s.d.Close()
	for range 2 {
		if r := <-answers; code(r) != "cancelled SHUTTING_DOWN" {
			t.Errorf("%+v", r)
		}
	}
	if r := s.send(1, request(control.OpStart)); code(r) != "cancelled SHUTTING_DOWN" {
		t.Errorf("after the end: %+v", r)
	}
}
