package frame_test

import (
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

func TestPeersWordsAreErrors(t *testing.T) {
	for _, err := range []error{
		&frame.ErrorBody{Code: frame.CodeDenied, Text: "no"},
		&frame.Goodbye{Code: frame.CodeDenied, Text: "no"},
		&frame.Failure{Code: frame.CodeDenied, Text: "no"},
	} {
		if !errors.Is(err, frame.ErrDenied) || err.Error() != "no" {
			t.Errorf("%T: %q, want the text, and %v underneath", err, err, frame.ErrDenied)
		}
	}
	if got := (&frame.ErrorBody{Code: frame.CodeDenied}).Error(); got != frame.ErrDenied.Error() {
		t.Errorf("without a text: %q, want %q", got, frame.ErrDenied)
	}
	if got := (&frame.Goodbye{}); got.Error() == "" || got.Unwrap() != nil {
		t.Errorf("goodbye without a reason: %q, %v", got, got.Unwrap())
	}
}

func TestTextsAreCutAtACharacter(t *testing.T) {
	for name, text := range map[string]string{
		"ascii":     strings.Repeat("x", 2*frame.MaxText),
		"two bytes": "x" + strings.Repeat("ü", frame.MaxText),
		"not utf-8": strings.Repeat("\xff", frame.MaxText),
		"at bound":  strings.Repeat("x", frame.MaxText),
	} {
		e, err := frame.ParseError(frame.AppendError(nil, frame.ErrorBody{Text: text}))
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
