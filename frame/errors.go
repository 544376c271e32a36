package frame

import (
	"errors"
	"strconv"
)

// ErrIncomplete is no fault: more bytes are needed before a frame is whole.
var ErrIncomplete = errors.New("frame is not complete yet")

// The faults that cross the wire, one for each Code. Their texts name no package,
// because the broker that finds a fault returns the same value as the client that it
// is reported to. Test for them with errors.Is.
var (
	ErrVersion       = errors.New("protocol version is not supported")
	ErrType          = errors.New("frame type is unknown")
	ErrLength        = errors.New("lengths do not add up")
	ErrTooLarge      = errors.New("frame is larger than the limit")
	ErrFlags         = errors.New("flags do not fit the frame type")
	ErrPriority      = errors.New("priority is out of range")
	ErrTopic         = errors.New("topic is not well formed")
	ErrExtension     = errors.New("extension is not well formed")
	ErrInflate       = errors.New("compressed payload cannot be inflated")
	ErrBody          = errors.New("payload does not fit the frame type")
	ErrUnexpected    = errors.New("frame type is not expected here")
	ErrReserved      = errors.New("topic is reserved for the broker")
	ErrDenied        = errors.New("policy denies it")
	ErrPattern       = errors.New("pattern is not well formed")
	ErrSubscription  = errors.New("subscription is not valid")
	ErrLimit         = errors.New("limit is reached")
	ErrRate          = errors.New("rate limit is exceeded")
	ErrMemory        = errors.New("memory limit is reached")
	ErrNoResponder   = errors.New("nobody responds to the target")
	ErrResponderDied = errors.New("responder went away before it replied")
	ErrDeadline      = errors.New("deadline of the request has passed")
	ErrFailed        = errors.New("responder failed")
	ErrOverloaded    = errors.New("responder has no room for the request")
	ErrShutdown      = errors.New("peer is shutting down")
	ErrHandshake     = errors.New("handshake was not completed")
	ErrHeartbeat     = errors.New("peer sent nothing for too long")
	ErrSlow          = errors.New("subscriber is too slow")
	ErrInternal      = errors.New("internal fault of the peer")
)

// Code is a fault on the wire: in error, goodbye and failed reply frames.
// Codes from CodeApplication on belong to applications.
type Code uint16

// The codes.
const (
	CodeNone          Code = 0 // goodbye: nothing is wrong
	CodeVersion       Code = 1
	CodeType          Code = 2
	CodeLength        Code = 3
	CodeTooLarge      Code = 4
	CodeFlags         Code = 5
	CodePriority      Code = 6
	CodeTopic         Code = 7
	CodeExtension     Code = 8
	CodeInflate       Code = 9
	CodeBody          Code = 10
	CodeUnexpected    Code = 11
	CodeReserved      Code = 20
	CodeDenied        Code = 21
	CodePattern       Code = 22
	CodeSubscription  Code = 23
	CodeLimit         Code = 24
	CodeRate          Code = 25
	CodeMemory        Code = 26
	CodeNoResponder   Code = 30
	CodeResponderDied Code = 31
	CodeDeadline      Code = 32
	CodeFailed        Code = 33
	CodeOverloaded    Code = 34
	CodeShutdown      Code = 40
	CodeHandshake     Code = 41
	CodeHeartbeat     Code = 42
	CodeSlow          Code = 43
	CodeInternal      Code = 50

	CodeApplication Code = 1024
)

// codes pairs every code with its error. PROTOCOL.md has the same table, and
// TestProtocolListsTheCodes compares them.
var codes = [...]struct {
	code Code
	name string
	err  error
}{
	{CodeVersion, "version", ErrVersion},
	{CodeType, "type", ErrType},
	{CodeLength, "length", ErrLength},
	{CodeTooLarge, "too-large", ErrTooLarge},
	{CodeFlags, "flags", ErrFlags},
	{CodePriority, "priority", ErrPriority},
	{CodeTopic, "topic", ErrTopic},
	{CodeExtension, "extension", ErrExtension},
	{CodeInflate, "inflate", ErrInflate},
	{CodeBody, "body", ErrBody},
	{CodeUnexpected, "unexpected", ErrUnexpected},
	{CodeReserved, "reserved", ErrReserved},
	{CodeDenied, "denied", ErrDenied},
	{CodePattern, "pattern", ErrPattern},
	{CodeSubscription, "subscription", ErrSubscription},
	{CodeLimit, "limit", ErrLimit},
	{CodeRate, "rate", ErrRate},
	{CodeMemory, "memory", ErrMemory},
	{CodeNoResponder, "no-responder", ErrNoResponder},
	{CodeResponderDied, "responder-died", ErrResponderDied},
	{CodeDeadline, "deadline", ErrDeadline},
	{CodeFailed, "failed", ErrFailed},
	{CodeOverloaded, "overloaded", ErrOverloaded},
	{CodeShutdown, "shutdown", ErrShutdown},
	{CodeHandshake, "handshake", ErrHandshake},
	{CodeHeartbeat, "heartbeat", ErrHeartbeat},
	{CodeSlow, "slow", ErrSlow},
	{CodeInternal, "internal", ErrInternal},
}

// CodeOf returns the code of the first fault in the table that err is or wraps, and
// CodeInternal where it is none of them. CodeOf(nil) is CodeNone.
func CodeOf(err error) Code {
	if err == nil {
		return CodeNone
	}
	for i := range codes {
		if errors.Is(err, codes[i].err) {
			return codes[i].code
		}
	}
	return CodeInternal
}

// Err returns the fault that c stands for: nil for CodeNone, ErrFailed for an
// application's code, ErrInternal for one that is not in the table.
func (c Code) Err() error {
	if c == CodeNone {
		return nil
	}
	for i := range codes {
		if codes[i].code == c {
			return codes[i].err
		}
	}
	if c >= CodeApplication {
		return ErrFailed
	}
	return ErrInternal
}

// String returns the name that PROTOCOL.md gives the code.
func (c Code) String() string {
	if c == CodeNone {
		return "none"
	}
	for i := range codes {
		if codes[i].code == c {
			return codes[i].name
		}
	}
	return "code " + strconv.Itoa(int(c))
}

// DecodeError names the field of a frame that is bad. Those of Next are allocated
// once, so that garbage from a peer makes no garbage here.
type DecodeError struct {
	Field  string // as PROTOCOL.md names it
	Offset int    // of the field in the frame
	Err    error  // one of the faults above
}

// Error names the field, its offset and the fault.
func (e *DecodeError) Error() string {
	return "frame: decode " + e.Field + " at byte " + strconv.Itoa(e.Offset) + ": " + e.Err.Error()
}

// Unwrap returns the fault.
func (e *DecodeError) Unwrap() error { return e.Err }

// The errors of Next and Append, one for each cause.
var (
	errVersion          = &DecodeError{"version", offVersion, ErrVersion}
	errLengthShort      = &DecodeError{"length", offLength, ErrLength}
	errLengthTopic      = &DecodeError{"topic length", offTopicLen, ErrLength}
	errLengthExtension  = &DecodeError{"extension length", offExtLen, ErrLength}
	errTooLarge         = &DecodeError{"length", offLength, ErrTooLarge}
	errType             = &DecodeError{"type", offType, ErrType}
	errFlags            = &DecodeError{"flags", offFlags, ErrFlags}
	errPriority         = &DecodeError{"priority", offPriority, ErrPriority}
	errExtensionTooLong = &DecodeError{"extension length", offExtLen, ErrExtension}
)
