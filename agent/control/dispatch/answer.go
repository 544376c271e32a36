package dispatch

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// times are those of an answer.
type times struct{ queue, execution, total time.Duration }

// encode makes the answer to q: its result, or its error where that is not nil.
func encode(q *control.Request, result any, err error, t times) []byte {
	r := control.Response{
		ID: q.ID, Operation: q.Operation, Target: q.Target, Correlation: q.Correlation, Status: control.OutcomeSuccess,
		Queue: t.queue, Execution: t.execution, Total: t.total,
	}
	if err == nil {
		if r.Payload, err = payload(result); err == nil {
			b, err := json.Marshal(&r)
			if err == nil && len(b) <= control.MaxEnvelope {
				return b
			}
		}
		if err == nil {
			err = control.Errorf(control.CodeAnswerTooLarge, "the result has %d bytes, and an answer has at most %d", len(r.Payload), control.MaxEnvelope)
		}
	}
	e := asError(err)
	r.Payload, r.Error, r.Status = nil, e, e.Code.Info().Outcome
	b, err := json.Marshal(&r)
	if err != nil {
		panic(err) // there is nothing in it that cannot be JSON
	}
	return b
}

// payload writes a result as an object.
func payload(result any) (json.RawMessage, error) {
	if result == nil {
		return nil, nil
	}
	b, err := json.Marshal(result)
	if err != nil {
		return nil, control.Errorf(control.CodeInternal, "result: %v", err)
	}
	if b[0] != '{' {
		return nil, control.Errorf(control.CodeInternal, "the result is no object")
	}
	return b, nil
}

// Bounds of an error in an answer, in bytes and entries.
const (
	maxMessage = 4096
	maxContext = 16
)

// asError returns err as one of the protocol, within the bounds.
func asError(err error) *control.Error {
	var e *control.Error
	if !errors.As(err, &e) {
		e = control.Errorf(control.CodeInternal, "%v", err)
	}
	c := *e
	c.Message = cut(e.Message)
	c.Context = nil
	for key, value := range e.Context {
		if len(c.Context) == maxContext {
			break
		}
		if c.Context == nil {
			c.Context = make(map[string]string)
		}
		c.Context[cut(key)] = cut(value)
	}
	return &c
}

// cut bounds a text, and makes it valid UTF-8.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxMessage)], "") }

// asRepeated marks a stored answer as one.
func asRepeated(answer []byte) []byte {
	return append([]byte(`{"repeated":true,`), answer[1:]...)
}

// log writes a line about an operation that changed something or did not succeed.
func (d *Dispatcher) log(q *control.Request, who *Caller, err error) {
	info, known := q.Operation.Info()
	if err == nil && !info.Changes {
		return
	}
	level, outcome := slog.LevelInfo, control.OutcomeSuccess
	var reason []any
	if err != nil {
		e := asError(err)
		outcome, reason = e.Code.Info().Outcome, []any{"error", e.Error()}
	}
	if known && !info.Changes || err == nil && slices.Contains(info.Callers, control.CollectorRole) {
		// A question that failed is the business of the caller, and that a collector has
		// registered is logged by who supervises it.
		level = slog.LevelDebug
	}
	d.o.Logger.Log(d.ctx, level, "operation", append([]any{"operation", q.Operation, "collector", q.Target, "status", outcome,
		"id", q.ID, "client", who.Identity.Name, "role", who.Identity.Role, "pid", who.Identity.PID, "uid", who.Identity.UID}, reason...)...)
}
