package control

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Outcome is what became of an operation: the status of a Response.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess     Outcome = "success"
	OutcomeError       Outcome = "error"       // it was refused, or it failed
	OutcomeInProgress  Outcome = "in_progress" // an earlier request of the same id is being carried out
	OutcomeTimeout     Outcome = "timeout"     // its deadline passed
	OutcomeCancelled   Outcome = "cancelled"   // the side that carried it out ended
	OutcomeUnavailable Outcome = "unavailable" // not now, and later it may succeed
)

// Category groups error codes by what has to be done about them.
type Category string

// The categories.
const (
	CategoryConfiguration Category = "configuration" // the request, or what is configured, has to change
	CategoryResource      Category = "resource"      // what it is about is not there, or there is too much of it
	CategoryCommunication Category = "communication" // the collector cannot be reached, or breaks the protocol
	CategoryPermission    Category = "permission"    // another caller may do it
	CategoryInternal      Category = "internal"      // it was attempted and failed
	CategoryTimeout       Category = "timeout"       // it took too long
)

// Code states why an operation did not succeed.
type Code string

// The codes; CodeInfo explains each.
const (
	CodeMalformedEnvelope    Code = "MALFORMED_ENVELOPE"
	CodeInvalidID            Code = "INVALID_ID"
	CodeIDReused             Code = "ID_REUSED"
	CodeInvalidDeadline      Code = "INVALID_DEADLINE"
	CodeInvalidTarget        Code = "INVALID_TARGET"
	CodeInvalidCorrelation   Code = "INVALID_CORRELATION"
	CodeInvalidPayload       Code = "INVALID_PAYLOAD"
	CodeUnsupportedOperation Code = "UNSUPPORTED_OPERATION"
	CodePermissionDenied     Code = "PERMISSION_DENIED"
	CodeDeadlinePassed       Code = "DEADLINE_PASSED"
	CodeTimeout              Code = "TIMEOUT"
	CodeInProgress           Code = "IN_PROGRESS"
	CodeBusy                 Code = "BUSY"
	CodeShuttingDown         Code = "SHUTTING_DOWN"
	CodeCollectorNotFound    Code = "COLLECTOR_NOT_FOUND"
	CodeAlreadyRunning       Code = "ALREADY_RUNNING"
	CodeNotRunning           Code = "NOT_RUNNING"
	CodeInvalidState         Code = "INVALID_STATE"
	CodeSpawnFailed          Code = "SPAWN_FAILED"
	CodeTerminateFailed      Code = "TERMINATE_FAILED"
	CodeRefused              Code = "REFUSED"
	CodeValidationFailed     Code = "VALIDATION_FAILED"
	CodeApplyFailed          Code = "APPLY_FAILED"
	CodeRollbackFailed       Code = "ROLLBACK_FAILED"
	CodeUnsupportedTask      Code = "UNSUPPORTED_TASK"
	CodeTaskFailed           Code = "TASK_FAILED"
	CodeCollectorUnreachable Code = "COLLECTOR_UNREACHABLE"
	CodeCollectorDied        Code = "COLLECTOR_DIED"
	CodeInvalidAnswer        Code = "INVALID_ANSWER"
	CodeAnswerTooLarge       Code = "ANSWER_TOO_LARGE"
	CodeInternal             Code = "INTERNAL"
)

// CodeInfo is a row of the table of codes.
type CodeInfo struct {
	Code     Code
	Category Category
	Outcome  Outcome
	Meaning  string
}

// codes is the table of codes. The one in PROTOCOL.md is compared with it by a test.
var codes = []CodeInfo{
	{CodeMalformedEnvelope, CategoryConfiguration, OutcomeError, "the request is no envelope; the message names the place"},
	{CodeInvalidID, CategoryConfiguration, OutcomeError, "the id is missing, too long, or not of printable ASCII"},
	{CodeIDReused, CategoryConfiguration, OutcomeError, "the same caller used the id for a different request"},
	{CodeInvalidDeadline, CategoryConfiguration, OutcomeError, "the deadline is missing, or too far away"},
	{CodeInvalidTarget, CategoryConfiguration, OutcomeError, "the target is missing, or not the name of a collector"},
	{CodeInvalidCorrelation, CategoryConfiguration, OutcomeError, "the correlation is larger than a frame may carry"},
	{CodeInvalidPayload, CategoryConfiguration, OutcomeError, "the payload is not that of the operation"},
	{CodeUnsupportedOperation, CategoryConfiguration, OutcomeError, "the operation is not known here"},
	{CodePermissionDenied, CategoryPermission, OutcomeError, "this caller may not do it"},
	{CodeDeadlinePassed, CategoryTimeout, OutcomeTimeout, "the deadline had passed before the operation began; nothing was done"},
	{CodeTimeout, CategoryTimeout, OutcomeTimeout, "the deadline passed while the operation was carried out"},
	{CodeInProgress, CategoryResource, OutcomeInProgress, "the operation of this id goes on; send the same request again for its answer"},
	{CodeBusy, CategoryResource, OutcomeUnavailable, "too many operations wait already"},
	{CodeShuttingDown, CategoryResource, OutcomeCancelled, "the side that carries it out is ending"},
	{CodeCollectorNotFound, CategoryResource, OutcomeError, "there is no such collector"},
	{CodeAlreadyRunning, CategoryResource, OutcomeError, "the collector runs already"},
	{CodeNotRunning, CategoryResource, OutcomeError, "the collector does not run"},
	{CodeInvalidState, CategoryResource, OutcomeError, "the collector's state does not allow it; the context has the state"},
	{CodeSpawnFailed, CategoryInternal, OutcomeError, "the collector's process could not be started, or did not register"},
	{CodeTerminateFailed, CategoryInternal, OutcomeError, "the collector's process did not end"},
	{CodeRefused, CategoryResource, OutcomeUnavailable, "the agent refuses the collector for the moment; it may try again"},
	{CodeValidationFailed, CategoryConfiguration, OutcomeError, "the collector does not accept the configuration; it goes on with the one before"},
	{CodeApplyFailed, CategoryInternal, OutcomeError, "the collector failed with the configuration, and goes on with the one before"},
	{CodeRollbackFailed, CategoryInternal, OutcomeError, "the collector failed with the configuration, and could not go back to the one before"},
	{CodeUnsupportedTask, CategoryConfiguration, OutcomeError, "the collector has no such task"},
	{CodeTaskFailed, CategoryInternal, OutcomeError, "the task was begun and failed"},
	{CodeCollectorUnreachable, CategoryCommunication, OutcomeUnavailable, "the collector is not connected, or its queue is full"},
	{CodeCollectorDied, CategoryCommunication, OutcomeUnavailable, "the collector ended while it carried the operation out"},
	{CodeInvalidAnswer, CategoryCommunication, OutcomeError, "the collector answered with something else than an answer"},
	{CodeAnswerTooLarge, CategoryInternal, OutcomeError, "the operation was carried out, and its result is too large to be sent"},
	{CodeInternal, CategoryInternal, OutcomeError, "it failed for another reason; the message has it"},
}

// Codes returns the table of codes. It is not to be changed.
func Codes() []CodeInfo { return codes }

// Info returns the row of the code in the table. A code of a later version counts as an
// internal error.
func (c Code) Info() CodeInfo {
	i := slices.IndexFunc(codes, func(info CodeInfo) bool { return info.Code == c })
	if i < 0 {
		return CodeInfo{c, CategoryInternal, OutcomeError, "a code of a later version"}
	}
	return codes[i]
}

// Error is why an operation did not succeed. A handler returns one to choose its code;
// the category and the outcome follow from the table of codes.
type Error struct {
	Code     Code     `json:"code"`
	Message  string   `json:"message"`
	Category Category `json:"category"`
	// Context has facts that a program may read, such as the state of the collector.
	Context map[string]string `json:"context,omitempty"`
}

// Errorf makes an error of the code's category.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Category: code.Info().Category}
}

// With returns the error with one more fact in its context.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.Context = maps.Clone(e.Context)
	if c.Context == nil {
		c.Context = make(map[string]string, 1)
	}
	c.Context[key] = value
	return &c
}

// Error has the code, the message, and the facts of the context that the message lacks.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	b.WriteString(e.Message)
	for _, key := range slices.Sorted(maps.Keys(e.Context)) {
		if !strings.Contains(e.Message, e.Context[key]) {
			fmt.Fprintf(&b, ", %s %s", key, e.Context[key])
		}
	}
	return b.String()
}

// Is reports whether target is an *Error with the same code, so that errors.Is finds a
// code: errors.Is(err, &control.Error{Code: control.CodeBusy}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}
