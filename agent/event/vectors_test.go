package event_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// vector is one file of testdata/v1 or testdata/v2: a header of "key: value" lines, an
// empty line, and the event in hex with comments.
type vector struct {
	note   string
	expect string // ok, short, version or layout
	again  string // what a copy is once built again; see checkAgain

	json  string
	bytes []byte
}

var expectations = map[string]error{
	"ok":      nil,
	"short":   event.ErrShort,
	"version": event.ErrVersion,
	"layout":  event.ErrLayout,
}

func readVector(t *testing.T, path string) (v vector) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(file), "\n\n")
	if !ok {
		t.Fatalf("%s: no empty line behind the header", path)
	}
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "note":
			v.note = value
		case "expect":
			v.expect = value
		case "again":
			v.again = value
		case "json":
			v.json = value
		default:
			t.Fatalf("%s: unknown key %q", path, key)
		}
	}
	for line := range strings.Lines(body) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		v.bytes = append(v.bytes, b...)
	}
	return v
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/v[12]/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimPrefix(strings.TrimSuffix(path, ".txt"), "testdata/"), func(t *testing.T) {
			v := readVector(t, path)
			want, known := expectations[v.expect]
			if !known {
				t.Fatalf("unknown expectation %q", v.expect)
			}
			view, err := event.Parse(v.bytes)
			if !errors.Is(err, want) {
				t.Fatalf("Parse = %v, want %v (%s)", err, want, v.note)
			}
			if err != nil {
				return
			}
			got := string(ecs.Append(nil, view))
			if diff := cmp.Diff(v.json, got); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("not JSON: %s", got)
			}
			checkAgain(t, v, view)
		})
	}
}

// checkAgain copies the event out of its bytes and builds it again. The vector
// shows what that gives: the same bytes; other bytes with the same JSON; or, where
// a copy cannot hold everything, settled bytes, which stay the same from then on.
// An event of an unknown table cannot be copied.
func checkAgain(t *testing.T, v vector, view event.View) {
	t.Helper()
	again := buildAgain(view)
	if again == nil {
		if v.again != "" {
			t.Errorf("it cannot be copied, want %q", v.again)
		}
		return
	}
	copied, err := event.Parse(again)
	if err != nil {
		t.Fatalf("built again: %v", err)
	}
	switch v.again {
	case "bytes":
		if !bytes.Equal(again, v.bytes) {
			t.Errorf("built again:\n%s\nwant:\n%s", hex.Dump(again), hex.Dump(v.bytes))
		}
	case "json":
		if diff := cmp.Diff(v.json, string(ecs.Append(nil, copied))); diff != "" {
			t.Errorf("JSON of the copy (-want +got):\n%s", diff)
		}
	case "settled":
		if twice := buildAgain(copied); !bytes.Equal(again, twice) {
			t.Errorf("built once:\n%s\ntwice:\n%s", hex.Dump(again), hex.Dump(twice))
		}
	default:
		t.Fatalf("unknown value of again %q", v.again)
	}
}

// buildAgain copies the event out of its bytes and builds it again, nil for one
// of an unknown table.
func buildAgain(v event.View) []byte {
	for _, f := range []func(event.View) []byte{
		copied[event.Detail], copied[event.Connection], copied[event.File], copied[event.Usage], copied[event.Loss],
	} {
		if b := f(v); b != nil {
			return b
		}
	}
	return nil
}

func copied[B event.Body](v event.View) []byte {
	e, ok := event.Copy[B](v)
	if !ok {
		return nil
	}
	return e.Append(nil)
}
