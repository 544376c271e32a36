package display_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

func TestJSONThatAnyReaderTakes(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"ordinary", `{"a":"b \"c\" \\ \n é 𝄞","d":[1,2.5e9,true,null]}`, `{"a":"b \"c\" \\ \n é 𝄞","d":[1,2.5e9,true,null]}`},
		{"bytes that are no UTF-8", "{\"a\":\"\xff\xfe x\xc3\"}", `{"a":"\ufffd\ufffd x\ufffd"}`},
		{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", `{"a":"\ufffd\ufffd\ufffd"}`},
		{"U+FFFD itself", `{"a":"` + "\ufffd" + `"}`, `{"a":"` + "\ufffd" + `"}`},
		{"a pair", `{"a":"\ud834\udd1e\uD834\uDD1E"}`, `{"a":"\ud834\udd1e\uD834\uDD1E"}`},
		{"half of a pair", `{"a":"\ud834 \udd1e"}`, `{"a":"\ufffd \ufffd"}`},
		{"halves the wrong way round", `{"a":"\udd1e\ud834"}`, `{"a":"\ufffd\ufffd"}`},
		{"two first halves", `{"a":"\ud834\ud834\udd1e"}`, `{"a":"\ufffd\ud834\udd1e"}`},
		{"half at the end", `{"a":"\ud834"}`, `{"a":"\ufffd"}`},
		{"no escape at all", `{"a":"\\ud834"}`, `{"a":"\\ud834"}`},
		{"what a terminal obeys", "{\"a\":\"\x7f\u0085\u009b31m\u202e\u2028\u200b\U000e0001\"}", `{"a":"\u007f\u0085\u009b31m\u202e\u2028\u200b\udb40\udc01"}`},
	}
	for _, tt := range tests {
		if got := string(display.AppendJSON(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestJSONStaysTheSame: it means to encoding/json what it meant before, and a second
// time changes nothing.
func TestJSONStaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{
			"a", "é", "𝄞", `\"`, `\\`, `\u00e9`, `\ud834`, `\udd1e`, `\uD834\uDD1E`, "\xff", "\xed\xa0\x80", "\xe2\x82", "\x7f", "\u009b", "\u202e", `\n`, "u1234",
		})).Draw(t, "parts")
		in := []byte(`{"a":["` + strings.Join(parts, "") + `"]}`)
		if !json.Valid(in) {
			t.Fatalf("%q is no JSON", in)
		}
		got := display.AppendJSON(nil, in)
		var before, after any
		if err := json.Unmarshal(in, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &after); err != nil || !utf8.Valid(got) {
			t.Fatalf("%q: %v", got, err)
		}
		x, _ := json.Marshal(before)
		y, _ := json.Marshal(after)
		if !bytes.Equal(x, y) || string(got) != display.Clean(string(got)) {
			t.Fatalf("%q became %q", in, got)
		}
		if again := display.AppendJSON(nil, got); !bytes.Equal(again, got) {
			t.Fatalf("%q became %q", got, again)
		}
	})
}

func TestDepth(t *testing.T) {
	for in, want := range map[string]int{
		`1`: 0, `{}`: 1, `{"[":"]"}`: 1, `[[],[[]]]`: 3, `{"a\"{[":[1]}`: 2, `"\\"`: 0, `["\\",[]]`: 2,
	} {
		if got := display.Depth([]byte(in)); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}
