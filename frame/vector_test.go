package frame_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
)

// vector is one file of testdata/vectors: bytes, and what a decoder must make
// of them. PROTOCOL.md describes the format for other languages.
type vector struct {
	name    string
	keys    map[string]string
	bytes   []byte
	maxSize int
}

// vectorKeys is the closed vocabulary: a key that is not here is a mistake in
// the vector, and must not pass as a comment.
var vectorKeys = []string{
	"type", "expect", "note", "max-size", "stream", "rest", "inflated", "sha256",
	"flags", "priority", "content", "source", "id", "time", "sequence", "topic", "extension", "payload",
}

// expectations is the closed list of what expect may hold, beside the names of
// the codes that decoding can give.
var expectations = []string{
	"ok", "incomplete",
	"version", "type", "length", "too-large", "flags", "priority", "topic", "extension", "inflate", "body",
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var vs []vector
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := parseVector(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		v.name = strings.TrimSuffix(filepath.Base(file), ".txt")
		vs = append(vs, v)
	}
	return vs
}

func parseVector(text string) (v vector, err error) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }); i >= 0 {
		return v, fmt.Errorf("byte %d is no printable character of ASCII", i)
	}
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return v, fmt.Errorf("no blank line behind the header")
	}
	v.keys, v.maxSize = make(map[string]string), frame.DefaultMaxSize
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok || !slices.Contains(vectorKeys, key) {
			return v, fmt.Errorf("unknown key in %q", line)
		}
		if _, twice := v.keys[key]; twice {
			return v, fmt.Errorf("key %q stands twice", key)
		}
		v.keys[key] = strings.TrimSpace(value)
	}
	for _, key := range []string{"type", "expect", "note"} {
		if v.keys[key] == "" {
			return v, fmt.Errorf("no %s", key)
		}
	}
	if !slices.Contains(expectations, v.keys["expect"]) {
		return v, fmt.Errorf("unknown expectation %q", v.keys["expect"])
	}
	if s, ok := v.keys["stream"]; ok && s != "lost" {
		return v, fmt.Errorf("unknown stream %q", s)
	}
	if s, ok := v.keys["max-size"]; ok {
		if v.maxSize, err = strconv.Atoi(s); err != nil {
			return v, err
		}
	}
	for line := range strings.Lines(body) {
		line, _, _ = strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			return v, fmt.Errorf("line %q: %w", line, err)
		}
		v.bytes = append(v.bytes, b...)
	}
	return v, nil
}

// isInflated reports whether b is the payload that the vector has for the
// compressed one, written as a count and a character, or as a hash.
func (v *vector) isInflated(t *testing.T, b []byte) bool {
	t.Helper()
	if want, ok := v.keys["sha256"]; ok {
		return fmt.Sprintf("%x", sha256.Sum256(b)) == want
	}
	var n int
	var c string
	if _, err := fmt.Sscanf(v.keys["inflated"], "%d %s", &n, &c); err != nil || len(c) != 1 {
		t.Fatalf("inflated: %q, want a count and a character", v.keys["inflated"])
	}
	return bytes.Equal(b, bytes.Repeat([]byte(c), n))
}
