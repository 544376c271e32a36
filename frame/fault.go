package frame

import (
	"encoding/binary"
	"strconv"
)

// Fault is what one side reports to the other: the payload of error and goodbye
// frames and of failed replies, and the error that its receiver returns. To errors.Is
// it is the sentinel of its code, so a mistake is the same error on the side where it
// was made as on the side that found it.
type Fault struct {
	Code  Code
	Fatal bool // the sender closes the connection after it; a goodbye always is
	Text  string
}

// FaultOf returns err, which must not be nil, as it crosses the wire.
func FaultOf(err error) Fault { return Fault{Code: CodeOf(err), Text: err.Error()} }

// Error returns the text, or what the code means where there is none, and the code of
// an application beside it.
func (f *Fault) Error() string {
	text := f.Text
	switch {
	case text == "" && f.Code == CodeNone:
		return "nothing is wrong"
	case text == "":
		text = f.Code.Err().Error()
	}
	if f.Code >= CodeApplication {
		return text + " (code " + strconv.Itoa(int(f.Code)) + ")"
	}
	return text
}

// Unwrap returns the sentinel that the code stands for, nil for CodeNone.
func (f *Fault) Unwrap() error { return f.Code.Err() }

// Is reports whether target is a Fault of the same code. It is how an application
// tests for a code of its own: errors.Is(err, &frame.Fault{Code: 2000}).
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// ErrorSize returns how many bytes AppendError will take, for AppendControl.
func ErrorSize(f Fault) int { return 3 + len(cut(f.Text)) }

// AppendError appends the payload of an error frame.
func AppendError(dst []byte, f Fault) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(f.Code))
	fatal := byte(0)
	if f.Fatal {
		fatal = 1
	}
	return append(append(dst, fatal), cut(f.Text)...)
}

// ParseError reads the payload of an error frame; it fails with ErrBody.
func ParseError(payload []byte) (f Fault, err error) {
	if len(payload) < 3 || payload[2] > 1 || badText(payload[3:]) {
		return f, errError
	}
	return Fault{Code(binary.LittleEndian.Uint16(payload)), payload[2] == 1, string(payload[3:])}, nil
}

// AppendGoodbye appends the payload of a goodbye frame: why the sender closes the
// connection. CodeNone means that all is well.
func AppendGoodbye(dst []byte, f Fault) []byte { return appendCoded(dst, f) }

// AppendGoodbyeFrame appends a whole goodbye frame. timeNs is as in Fields.
func AppendGoodbyeFrame(dst []byte, timeNs int64, f Fault) []byte {
	return appendCoded(AppendControl(dst, TypeGoodbye, 0, timeNs, 2+len(cut(f.Text))), f)
}

// ParseGoodbye reads the payload of a goodbye frame; it fails with ErrBody.
func ParseGoodbye(payload []byte) (f Fault, err error) {
	if len(payload) < 2 || badText(payload[2:]) {
		return f, errGoodbye
	}
	return Fault{Code(binary.LittleEndian.Uint16(payload)), true, string(payload[2:])}, nil
}

// AppendFailure appends the payload of a reply that carries FlagFailed: the responder
// has no answer, but a reason. Its code is CodeFailed, CodeDeadline or one of the
// application's.
func AppendFailure(dst []byte, f Fault) []byte { return appendCoded(dst, f) }

// ParseFailure reads the payload of a failed reply; it fails with ErrBody. Another code
// than a responder may choose comes out as CodeFailed: what the broker reports, such as
// CodeNoResponder, is not for a responder to report.
func ParseFailure(payload []byte) (f Fault, err error) {
	if len(payload) < 2 || badText(payload[2:]) {
		return f, errFailure
	}
	code := Code(binary.LittleEndian.Uint16(payload))
	if code != CodeDeadline && code < CodeApplication {
		code = CodeFailed
	}
	return Fault{Code: code, Text: string(payload[2:])}, nil
}

func appendCoded(dst []byte, f Fault) []byte {
	return append(binary.LittleEndian.AppendUint16(dst, uint16(f.Code)), cut(f.Text)...)
}
