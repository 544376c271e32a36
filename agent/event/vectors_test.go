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
)

// vector is one file of testdata/vectors: a header of "key: value" lines, an
// empty line, and the event in hex with comments.
type vector struct {
	note   string
	expect string // ok, short, version or layout
	again  string // what the copied event is once built again: same, shorter, longer; empty: cannot be copied
	json   string
	bytes  []byte
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
	paths, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
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
			got := event.AppendJSON(nil, view)
			if diff := cmp.Diff(v.json, string(got)); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
			if !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
			checkAgain(t, v, view)
		})
	}
}

// checkAgain copies the event out of its bytes, builds it again and holds the
// result against the original.
func checkAgain(t *testing.T, v vector, view event.View) {
	t.Helper()
	var again []byte
	if p, ok := view.Process(); ok {
		c := p.Copy()
		again = event.AppendProcess(nil, &c)
	} else if g, ok := view.Gap(); ok {
		c := g.Copy()
		again = event.AppendGap(nil, &c)
	} else if v.again != "" {
		t.Fatalf("again is %q for an event of a type that cannot be built", v.again)
	} else {
		return
	}
	switch v.again {
	case "same":
		if !bytes.Equal(again, v.bytes) {
			t.Errorf("built again:\n%s\nwant:\n%s", hex.Dump(again), hex.Dump(v.bytes))
		}
	case "shorter":
		if len(again) >= len(v.bytes) {
			t.Errorf("built again: %d bytes, want fewer than %d", len(again), len(v.bytes))
		}
	case "longer":
		if len(again) <= len(v.bytes) {
			t.Errorf("built again: %d bytes, want more than %d", len(again), len(v.bytes))
		}
	default:
		t.Fatalf("unknown value of again %q", v.again)
	}
}
