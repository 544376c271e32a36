package fuzz

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/output/redact"
)

// FuzzRedact takes any bytes as a body that leaves the host.
func FuzzRedact(f *testing.F) {
	text, err := os.ReadFile("../agent/output/redact/testdata/cases.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); word == "json" {
			f.Add([]byte(strings.TrimLeft(rest, " ")))
		} else if word == "in" || word == "keep" {
			b, err := json.Marshal(map[string]any{"a": rest, "b": strings.Fields(rest)})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	r, err := redact.New(redact.Options{Patterns: []string{`\bcard (\d+)`}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		out := r.JSON(body)
		if string(body) != before {
			t.Fatal("the body was changed in place")
		}
		var was, is map[string]any
		if json.Unmarshal(body, &was) != nil {
			return
		}
		if err := json.Unmarshal(out, &is); err != nil {
			t.Fatalf("%s\ngives %s: %v", body, out, err)
		}
		if _, ok := was["redacted"]; ok {
			return
		}
		if listed, ok := is["redacted"].([]any); ok {
			if len(listed) == 0 || len(listed) > 32 {
				t.Errorf("%d listed", len(listed))
			}
			delete(is, "redacted")
		} else if string(out) != before {
			t.Errorf("changed without a list: %s\n%s", body, out)
		}
		if !sameButSecrets(was, is) {
			t.Errorf("another structure:\n%s\n%s", body, out)
		}
	})
}

// sameButSecrets reports whether a and b differ in nothing but texts, and numbers that became
// texts.
func sameButSecrets(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !sameButSecrets(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameButSecrets(a[i], b[i]) {
				return false
			}
		}
		return true
	case string:
		_, ok := b.(string)
		return ok
	case float64:
		return a == b || b == redact.Mark
	}
	return a == b
}
