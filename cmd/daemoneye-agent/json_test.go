package main

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestALineOfJSON(t *testing.T) {
	for doc, want := range map[string]string{
		`{"a": 1,` + "\n" + `"b" : [ ] }`: `{"a":1,"b":[]}`,
		"{\"a\":\"\xff\xfe\"}":            `{"a":"\ufffd\ufffd"}`,
		"{\"\xff\":\"x\"}":                `{"\ufffd":"x"}`,
		"{\"a\":\"\u009b2J\u007f é\"}":    `{"a":"\u009b2J\u007f é"}`,
		`{"a":"�"}`:                       `{"a":"�"}`,
		"42":                              "42",
		"{":                               "",
		"":                                "",
	} {
		if got := string(appendLine(nil, []byte(doc))); got != want {
			t.Errorf("%q gives %q, want %q", doc, got, want)
		}
	}
}

// TestALineOfJSONIsStrict for whatever a publisher calls JSON.
func TestALineOfJSONIsStrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inside := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		line := appendLine(nil, append(append([]byte(`{"a":"`), inside...), `"}`...))
		if len(line) == 0 {
			return
		}
		if !json.Valid(line) || !utf8.Valid(line) || !isObject(line) {
			t.Fatalf("%q", line)
		}
		for _, r := range string(line) {
			if r < ' ' || r >= 0x7f && r <= 0x9f {
				t.Fatalf("%q has a character that terminals obey", line)
			}
		}
	})
}
