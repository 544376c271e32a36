package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/strictjson"
)

// Bounds of envelopes.
const (
	// MaxEnvelope bounds a request and an answer, in bytes of JSON.
	MaxEnvelope = 256 << 10
	// MaxID bounds an id, in bytes.
	MaxID = 128
	// MaxAhead bounds how far away a deadline may be: as long as the broker keeps a
	// request open.
	MaxAhead = 5 * time.Minute
	// maxDepth bounds the objects and lists inside each other.
	maxDepth = 16
)

// Request is the envelope of an operation.
type Request struct {
	// ID names the request among those of its caller. A request with the id of an
	// earlier one is that request again, and gets the same answer.
	ID        string    `json:"id"`
	Operation Operation `json:"operation"`
	// Target is the name of the collector that it is about.
	Target string `json:"target"`
	// Deadline is when the operation is of no use any more, on the broker's clock (see
	// Now), in nanoseconds. An operation does not begin after it.
	Deadline    int64        `json:"deadline_ns"`
	Correlation *Correlation `json:"correlation,omitempty"`
	// Payload is an object that the operation defines; see payload.go.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Correlation ties the request to messages and other requests. It comes back in the
// answer.
type Correlation struct {
	ID       string            `json:"id,omitempty"`
	Parent   string            `json:"parent,omitempty"`
	Root     string            `json:"root,omitempty"`
	Sequence *uint64           `json:"sequence,omitempty"`
	Stage    string            `json:"stage,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// Response is the envelope of an answer.
type Response struct {
	// ID, Operation, Target and Correlation are those of the request, as far as it could
	// be read.
	ID          string       `json:"id"`
	Operation   Operation    `json:"operation"`
	Target      string       `json:"target"`
	Correlation *Correlation `json:"correlation,omitempty"`
	Status      Outcome      `json:"status"`
	// Payload is the operation's result, where Status is OutcomeSuccess.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Error is why there is no success.
	Error *Error `json:"error,omitempty"`
	// Repeated means that this is the stored answer to an earlier request of the same id.
	Repeated bool `json:"repeated,omitempty"`
	// Queue is how long the operation waited for others, and Execution how long it took.
	// Total is from the arrival of the request to its answer.
	Queue     time.Duration `json:"queue_ns"`
	Execution time.Duration `json:"execution_ns"`
	Total     time.Duration `json:"total_ns"`
}

// DecodeRequest reads a request. A key that a request does not have is an error, because
// a misspelt deadline must not count as none. Every error is an *Error, and what could
// be read of a request that is not valid is returned with it.
func DecodeRequest(b []byte) (Request, error) {
	var q Request
	err := strictjson.Unmarshal(b, &q, strictjson.Options{MaxBytes: MaxEnvelope, MaxDepth: maxDepth})
	if err != nil {
		return q.readable(), Errorf(CodeMalformedEnvelope, "envelope: %v", err)
	}
	if err := q.check(); err != nil {
		return q.readable(), err
	}
	return q, nil
}

// check returns an *Error for a field that is not valid.
func (q *Request) check() error {
	if !printable(q.ID) {
		return Errorf(CodeInvalidID, "id: want 1 to %d printable ASCII characters without spaces, got %d bytes", MaxID, len(q.ID))
	}
	if _, ok := q.Operation.Info(); !ok {
		return Errorf(CodeUnsupportedOperation, "there is no operation %.40q", q.Operation)
	}
	if err := CheckName(q.Target); err != nil {
		return Errorf(CodeInvalidTarget, "target: %v", err)
	}
	if q.Deadline <= 0 {
		return Errorf(CodeInvalidDeadline, "deadline_ns: want the nanoseconds of the broker's clock, got %d", q.Deadline)
	}
	if c := q.Correlation; c != nil {
		if err := c.check(); err != nil {
			return Errorf(CodeInvalidCorrelation, "correlation: %v", err)
		}
	}
	if len(q.Payload) > 0 && q.Payload[0] != '{' {
		return Errorf(CodeInvalidPayload, "payload: want an object")
	}
	return nil
}

// readable is the request without what must not go back to its sender.
func (q Request) readable() Request {
	if !printable(q.ID) {
		q.ID = ""
	}
	if _, ok := q.Operation.Info(); !ok {
		q.Operation = ""
	}
	if CheckName(q.Target) != nil {
		q.Target = ""
	}
	if q.Correlation != nil && q.Correlation.check() != nil {
		q.Correlation = nil
	}
	return q
}

// printable reports whether s can be an id.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= MaxID
}

// check holds the correlation to the bounds of a frame.
func (c *Correlation) check() error {
	_, err := frame.AppendExtension(nil, &frame.Meta{Correlation: c.Frame()})
	return err
}

// Frame returns the correlation as frames carry it.
func (c *Correlation) Frame() frame.Correlation {
	f := frame.Correlation{ID: c.ID, Parent: c.Parent, Root: c.Root, Stage: c.Stage, Tags: c.Tags}
	if c.Sequence != nil {
		f.Sequence, f.HasSequence = *c.Sequence, true
	}
	return f
}

// Decode reads the request's payload into the struct that into points to. A payload that
// is absent is an empty object, and a key that into does not have is an error. Every
// error is an *Error.
func (q *Request) Decode(into any) error {
	if len(q.Payload) == 0 {
		return nil
	}
	err := strictjson.Unmarshal(q.Payload, into, strictjson.Options{MaxDepth: maxDepth})
	if err != nil {
		return Errorf(CodeInvalidPayload, "payload: %v", err)
	}
	return nil
}

// errNoAnswer means that what came is no answer to the request.
var errNoAnswer = errors.New("it is no answer to the request")

// DecodeResponse reads an answer to q. Keys that a later version adds are skipped.
// Errors are *Error with CodeInvalidAnswer.
func DecodeResponse(b []byte, q *Request) (Response, error) {
	var r Response
	err := strictjson.Unmarshal(b, &r, strictjson.Options{MaxBytes: MaxEnvelope, MaxDepth: maxDepth, IgnoreUnknown: true})
	if err == nil {
		err = r.check(q)
	}
	if err != nil {
		return Response{}, Errorf(CodeInvalidAnswer, "answer: %v", err)
	}
	return r, nil
}

// check holds that r is an answer to q, and that its parts agree with each other.
func (r *Response) check(q *Request) error {
	switch {
	case r.Status == OutcomeSuccess && r.Error != nil:
		return errors.New("it has success and an error")
	case r.Status != OutcomeSuccess && (r.Error == nil || r.Error.Code == ""):
		return fmt.Errorf("it has the status %.40q without an error", r.Status)
	case len(r.Payload) > 0 && r.Payload[0] != '{':
		return errors.New("payload: want an object")
	case r.Error != nil && r.ID == "" && r.Operation == "": // the request could not be read
		return nil
	case r.ID != q.ID || r.Operation != q.Operation || r.Target != q.Target:
		return errNoAnswer
	}
	return nil
}
