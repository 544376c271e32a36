package frame

import "encoding/binary"

// ErrorBody is the payload of an error frame. It is an error itself: what the
// other side said, with the fault of its code underneath.
type ErrorBody struct {
	Code  Code
	Fatal bool // the sender closes the connection after it
	Text  string
}

// Error returns the text, or the fault's own where the peer sent none.
func (e *ErrorBody) Error() string { return said(e.Code, e.Text) }

// Unwrap returns the fault that the code stands for.
func (e *ErrorBody) Unwrap() error { return e.Code.Err() }

// ErrorSize returns how many bytes AppendError will take, for AppendControl.
func ErrorSize(e ErrorBody) int { return 3 + len(cut(e.Text)) }

// AppendError appends the payload of an error frame.
func AppendError(dst []byte, e ErrorBody) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(e.Code))
	fatal := byte(0)
	if e.Fatal {
		fatal = 1
	}
	return append(append(dst, fatal), cut(e.Text)...)
}

// ParseError reads the payload of an error frame; it fails with ErrBody.
func ParseError(payload []byte) (e ErrorBody, err error) {
	if len(payload) < 3 || payload[2] > 1 || badText(payload[3:]) {
		return e, errError
	}
	return ErrorBody{
		Code:  Code(binary.LittleEndian.Uint16(payload)),
		Fatal: payload[2] == 1,
		Text:  string(payload[3:]),
	}, nil
}

// Goodbye is the payload of a goodbye frame: why the sender closes the
// connection. CodeNone means that all is well.
type Goodbye struct {
	Code Code
	Text string
}

// Error returns the text, or the fault's own where the peer sent none.
func (g *Goodbye) Error() string { return said(g.Code, g.Text) }

// Unwrap returns the fault that the code stands for, nil for CodeNone.
func (g *Goodbye) Unwrap() error { return g.Code.Err() }

// AppendGoodbye appends the payload of a goodbye frame.
func AppendGoodbye(dst []byte, g Goodbye) []byte { return appendCoded(dst, g.Code, g.Text) }

// AppendGoodbyeFrame appends a whole goodbye frame. timeNs is as in Fields.
func AppendGoodbyeFrame(dst []byte, timeNs int64, g Goodbye) []byte {
	body := AppendGoodbye(nil, g)
	return append(AppendControl(dst, TypeGoodbye, 0, timeNs, len(body)), body...)
}

// ParseGoodbye reads the payload of a goodbye frame; it fails with ErrBody.
func ParseGoodbye(payload []byte) (g Goodbye, err error) {
	if len(payload) < 2 || badText(payload[2:]) {
		return g, errGoodbye
	}
	return Goodbye{Code(binary.LittleEndian.Uint16(payload)), string(payload[2:])}, nil
}

// Failure is the payload of a reply that carries FlagFailed: the responder has
// no answer, but a reason.
type Failure struct {
	Code Code
	Text string
}

// Error returns the text, or the fault's own where the responder sent none.
func (f *Failure) Error() string { return said(f.Code, f.Text) }

// Unwrap returns the fault that the code stands for.
func (f *Failure) Unwrap() error { return f.Code.Err() }

// AppendFailure appends the payload of a failed reply.
func AppendFailure(dst []byte, f Failure) []byte { return appendCoded(dst, f.Code, f.Text) }

// ParseFailure reads the payload of a failed reply; it fails with ErrBody.
func ParseFailure(payload []byte) (f Failure, err error) {
	if len(payload) < 2 || badText(payload[2:]) {
		return f, errFailure
	}
	return Failure{Code(binary.LittleEndian.Uint16(payload)), string(payload[2:])}, nil
}

func appendCoded(dst []byte, c Code, text string) []byte {
	return append(binary.LittleEndian.AppendUint16(dst, uint16(c)), cut(text)...)
}

// said prefers what the peer said to what its code means.
func said(c Code, text string) string {
	switch {
	case text != "":
		return text
	case c == CodeNone:
		return "nothing is wrong"
	default:
		return c.Err().Error()
	}
}
