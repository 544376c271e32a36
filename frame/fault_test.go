package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/frame"
)

func TestCodesAndErrorsMapOneToOne(t *testing.T) {
	seen := make(map[error]frame.Code)
	for n := range 1 << 16 {
		c := frame.Code(n)
		err := c.Err()
		switch {
		case c == frame.CodeNone:
			if err != nil {
				t.Errorf("code 0 is %v, want nil", err)
			}
		case c >= frame.CodeApplication:
			if !errors.Is(err, frame.ErrFailed) {
				t.Errorf("application code %d is %v, want %v", n, err, frame.ErrFailed)
			}
		case frame.CodeOf(err) == c:
			if other, twice := seen[err]; twice {
				t.Errorf("%v is code %d and %d", err, other, c)
			}
			seen[err] = c
		default:
			if !errors.Is(err, frame.ErrInternal) {
				t.Errorf("code %d without a name is %v, want %v", n, err, frame.ErrInternal)
			}
		}
	}
	if frame.CodeOf(nil) != frame.CodeNone || frame.CodeOf(errors.New("?")) != frame.CodeInternal {
		t.Error("CodeOf: nil must be none, a stranger internal")
	}
	if wrapped := fmt.Errorf("subscribe: %w", frame.ErrDenied); frame.CodeOf(wrapped) != frame.CodeDenied {
		t.Errorf("CodeOf does not look inside %v", wrapped)
	}
}

func TestFaultsAreTheErrorsOfTheirCodes(t *testing.T) {
	for _, c := range []struct {
		fault frame.Fault
		is    error
		text  string
	}{
		{frame.Fault{Code: frame.CodeDenied, Text: "no"}, frame.ErrDenied, "no"},
		{frame.Fault{Code: frame.CodeDenied}, frame.ErrDenied, "policy denies it"},
		{frame.Fault{Code: frame.CodeFailed, Text: "not today"}, frame.ErrFailed, "not today"},
		{frame.Fault{Code: 2000, Text: "not today"}, frame.ErrFailed, "not today (code 2000)"},
		{frame.Fault{Code: 2000}, frame.ErrFailed, "responder failed (code 2000)"},
		{frame.Fault{Code: 777, Text: "later"}, frame.ErrInternal, "later"},
		{frame.Fault{Text: "drained"}, nil, "drained"},
		{frame.Fault{}, nil, "nothing is wrong"},
	} {
		err := fmt.Errorf("attempt: %w", &c.fault)
		if c.is != nil && !errors.Is(err, c.is) || c.is == nil && c.fault.Unwrap() != nil || c.fault.Error() != c.text {
			t.Errorf("%+v: %q over %v, want %q over %v", c.fault, c.fault.Error(), c.fault.Unwrap(), c.text, c.is)
		}
		if !errors.Is(err, &frame.Fault{Code: c.fault.Code}) || errors.Is(err, &frame.Fault{Code: 3000}) {
			t.Errorf("%+v is not a fault of its own code, or is one of another", c.fault)
		}
	}
	wrapped := fmt.Errorf("subscribe: %w", frame.ErrDenied)
	if got, want := frame.FaultOf(wrapped), (frame.Fault{Code: frame.CodeDenied, Text: "subscribe: policy denies it"}); got != want {
		t.Errorf("FaultOf: %+v, want %+v", got, want)
	}
}

// TestFaultsCrossTheWire has each of the three layouts, and what it leaves out.
func TestFaultsCrossTheWire(t *testing.T) {
	for _, code := range []frame.Code{frame.CodeNone, frame.CodeNoResponder, frame.CodeDeadline, frame.CodeFailed, frame.CodeInternal, 777, 1023, 1024, 65535} {
		want := frame.Fault{Code: code, Fatal: true, Text: "why"}
		got, err := frame.ParseError(frame.AppendError(nil, want))
		if err != nil || got != want {
			t.Errorf("error: %+v, %v, want %+v", got, err, want)
		}
		got, err = frame.ParseGoodbye(frame.AppendGoodbye(nil, want))
		if err != nil || got != want {
			t.Errorf("goodbye: %+v, %v, want %+v", got, err, want)
		}
		if whole := frame.AppendGoodbyeFrame(nil, 7, want); !bytes.Equal(frame.Frame(whole).Payload(), frame.AppendGoodbye(nil, want)) {
			t.Errorf("goodbye frame: %x", whole)
		}
		// What the broker reports is not for a responder to report.
		want.Fatal = false
		if code < frame.CodeApplication && code != frame.CodeDeadline {
			want.Code = frame.CodeFailed
		}
		got, err = frame.ParseFailure(frame.AppendFailure(nil, frame.Fault{Code: code, Text: "why"}))
		if err != nil || got != want {
			t.Errorf("failure: %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestTextsAreCutAtACharacter(t *testing.T) {
	for name, text := range map[string]string{
		"ascii":     strings.Repeat("x", 2*frame.MaxText),
		"two bytes": "x" + strings.Repeat("ü", frame.MaxText),
		"not utf-8": strings.Repeat("\xff", frame.MaxText),
		"at bound":  strings.Repeat("x", frame.MaxText),
	} {
		e, err := frame.ParseError(frame.AppendError(nil, frame.Fault{Text: text}))
		if err != nil || len(e.Text) > frame.MaxText || len(e.Text) < frame.MaxText-utf8.UTFMax || !utf8.ValidString(e.Text) {
			t.Errorf("%s: %d bytes, %v", name, len(e.Text), err)
		}
	}
}

func TestDecodeErrorNamesThePlace(t *testing.T) {
	_, err := frame.Next([]byte("GET / HTTP/1.1\r\n"), frame.DefaultMaxSize)
	var bad *frame.DecodeError
	if !errors.As(err, &bad) || bad.Field != "version" || bad.Offset != 4 || !errors.Is(err, frame.ErrVersion) {
		t.Fatalf("%v, want the version at byte 4", err)
	}
	if want := "frame: decode version at byte 4: protocol version is not supported"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestNamesOfUnknownValues(t *testing.T) {
	for got, want := range map[string]string{
		frame.Type(0).String():      "type 0",
		frame.Type(200).String():    "type 200",
		frame.Code(9999).String():   "code 9999",
		frame.Code(0).String():      "none",
		frame.Reason(0).String():    "reason 0",
		frame.Reason(99).String():   "reason 99",
		frame.Lane(7).String():      "lane 7",
		frame.LaneUrgent.String():   "urgent",
		frame.LaneBulk.String():     "bulk",
		frame.ReasonMemory.String(): "memory limit",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
