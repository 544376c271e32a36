package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/strictjson"
	"github.com/daemoneye/eventbus/router"
)

// FuzzStrictJSON feeds bytes to the decoder of hello, welcome and subscribe. What it
// takes encoding/json reads in the same way; what it refuses it refuses in words of
// the protocol.
func FuzzStrictJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, which byte, text []byte) {
		before := bytes.Clone(text)
		ignore := which&1 != 0
		fresh := [...]func() any{
			func() any { return new(frame.Hello) },
			func() any { return new(frame.Welcome) },
			func() any { return new(router.Subscription) },
		}[int(which>>1)%3]
		strict, lax := fresh(), fresh()
		err := strictjson.Unmarshal(text, strict, strictjson.Options{MaxBytes: 64 << 10, IgnoreUnknown: ignore})
		if !bytes.Equal(text, before) {
			t.Fatal("decoding wrote into its input")
		}
		if err != nil {
			checkRefusal(t, err, len(text))
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted, and not JSON: %q", text)
		}
		if ignore || bytes.Contains(text, []byte("-0")) {
			return // encoding/json also takes the keys in another case, and no -0
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(lax); err != nil {
			t.Fatalf("accepted, and encoding/json says: %v", err)
		}
		if !reflect.DeepEqual(strict, lax) {
			t.Fatalf("%q (-encoding/json +strict):\n%s", text, cmp.Diff(lax, strict))
		}
		again := fresh()
		written, err := json.Marshal(strict)
		if err == nil {
			err = strictjson.Unmarshal(written, again, strictjson.Options{})
		}
		if err != nil {
			t.Fatalf("what was read and written again is refused: %s: %v", written, err)
		}
	})
}

// checkRefusal holds what the error of a text of n bytes may hold.
func checkRefusal(t *testing.T, err error, n int) {
	t.Helper()
	var e *strictjson.Error
	if !errors.As(err, &e) || e.Problem == "" || e.Offset < 0 || e.Offset > n {
		t.Fatalf("%T %v in a text of %d bytes", err, err, n)
	}
	for _, inside := range []string{"reflect", "struct", "strconv", "unmarshal", "json:", "frame.", "router."} {
		if strings.Contains(e.Problem, inside) {
			t.Fatalf("the error shows the implementation: %v", err)
		}
	}
	if len(e.Problem) > 300 {
		t.Fatalf("%d bytes of error", len(e.Problem))
	}
}
