package fuzz

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// FuzzEventParse gives any bytes to the parser of events. What it takes must be
// readable in every field of every table, give valid JSON that converts back, and
// survive being built again.
func FuzzEventParse(f *testing.F) {
	for _, path := range vectors(f, "../agent/event/testdata/v[12]/*.txt") {
		f.Add(vectorBytes(f, path))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := event.Parse(b)
		if err != nil {
			return
		}
		if len(v) > len(b) || cap(v) != len(v) {
			t.Fatalf("view of %d bytes, capacity %d, from %d", len(v), cap(v), len(b))
		}
		readEverything(t, v)
		doc := ecs.Append(nil, v)
		if !json.Valid(doc) || !utf8.Valid(doc) {
			t.Fatalf("not JSON: %q", doc)
		}
		if _, err := ecs.Convert(nil, doc, ecs.Foreign{Header: v.Header()}); err != nil && event.NewDraft(v.Header(), event.Origin{}) != nil {
			t.Fatalf("our own JSON: %v: %s", err, doc)
		}
		once := buildAgain(v)
		if once == nil {
			return
		}
		// The first building may cut text and drop what this version does not
		// know; from then on nothing may change any more.
		twice, err := event.Parse(once)
		if err != nil {
			t.Fatalf("what was built cannot be parsed: %v", err)
		}
		if again := buildAgain(twice); !bytes.Equal(once, again) {
			t.Fatalf("built twice (-once +twice):\n%s", cmp.Diff(once, again))
		}
	})
}

var everyField = func() (all []event.Field) {
	for t := event.TableProcess; t <= event.TableGap; t++ {
		all = append(all, t.Fields()...)
	}
	label, _ := event.FieldByName(event.TableProcess, "labels.env")
	return append(all, label)
}()

// readEverything reads each field in each way. What is borrowed may not reach
// outside of the event, which the capacity would show.
func readEverything(t *testing.T, v event.View) {
	for _, f := range everyField {
		for _, f := range []event.Field{f, f.Inherited()} {
			if b := v.Text(f); cap(b) != len(b) {
				t.Fatalf("%s has room for %d bytes more", f.Name(), cap(b)-len(b))
			}
			_, _ = v.Uint(f)
			for i := range v.Len(f) {
				if b := v.Item(f, i); cap(b) != len(b) {
					t.Fatalf("%s %d has room for %d bytes more", f.Name(), i, cap(b)-len(b))
				}
				_, _ = v.ItemUint(f, i)
			}
			_ = v.AppendKey(nil, f)
			for name, value := range v.Pairs(f) {
				_, _ = name, value
			}
		}
	}
	for name := range v.Extra() {
		if len(name) == 0 {
			t.Fatal("a field without a name")
		}
	}
}

func buildAgain(v event.View) []byte {
	for _, again := range []func(event.View) []byte{
		copied[event.Detail], copied[event.Connection], copied[event.File], copied[event.Usage], copied[event.Loss],
	} {
		if b := again(v); b != nil {
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

// FuzzEventConvert gives any document to the converter. It ends in an error or in
// an event that parses, is within its bound, and shows the same JSON when that is
// converted once more.
func FuzzEventConvert(f *testing.F) {
	for _, path := range vectors(f, "../agent/event/testdata/v[12]/*.txt") {
		if doc := vectorKey(f, path, "json"); doc != "" {
			f.Add([]byte(doc))
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		foreign := ecs.Foreign{Header: event.Header{Type: event.TypeProcess}}
		b, err := ecs.Convert(nil, doc, foreign)
		if err != nil {
			return
		}
		v, err := event.Parse(b)
		if err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		readEverything(t, v)
		once := ecs.Append(nil, v)
		if v.Flags().Has(event.FieldsDropped) || v.Flags().Has(event.TextTruncated) || v.Flags().Has(event.CommandLineTruncated) {
			return // what was cut may be cut further on the way
		}
		b, err = ecs.Convert(nil, once, foreign)
		if err != nil {
			t.Fatalf("our own JSON: %v: %s", err, once)
		}
		if v, err = event.Parse(b); err != nil {
			t.Fatal(err)
		}
		if twice := ecs.Append(nil, v); !bytes.Equal(once, twice) {
			t.Fatalf("document:\n%s\nonce:\n%s\ntwice:\n%s", doc, once, twice)
		}
	})
}

// FuzzEventText gives any text to the builder: it must come back whole or cut
// at its bound, and the arguments must make up the command line.
func FuzzEventText(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, executable, commandLine string) {
		var p event.Process
		p.Name, p.Executable, p.CommandLine = name, executable, commandLine
		v, err := event.Parse(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		text := func(name string) []byte { return v.Text(event.MustField(event.TableProcess, name)) }
		checkCut(t, "name", name, text("process.name"), event.MaxName)
		checkCut(t, "executable", executable, text("Image"), event.MaxPath)
		line, field := text("CommandLine"), event.MustField(event.TableProcess, "process.args")
		var args [][]byte
		for i := range v.Len(field) {
			args = append(args, v.Item(field, i))
		}
		if joined := bytes.Join(args, []byte(" ")); !bytes.Equal(joined, line) {
			t.Fatalf("arguments %q make %q, the command line is %q", args, joined, line)
		}
		spaced := bytes.ReplaceAll(bytes.TrimRight([]byte(commandLine), "\x00"), []byte{0}, []byte(" "))
		if !v.Flags().Has(event.CommandLineTruncated) && !bytes.Equal(spaced, line) {
			t.Fatalf("command line %q, want %q", line, spaced)
		}
		if len(line) > event.MaxCommandLine {
			t.Fatalf("command line of %d bytes", len(line))
		}
	})
}

func checkCut(t *testing.T, field, in string, got []byte, limit int) {
	t.Helper()
	switch {
	case len(in) <= limit && string(got) != in:
		t.Fatalf("%s is %q, want %q", field, got, in)
	case len(in) > limit && (len(got) > limit || len(got) < limit-3 || in[:len(got)] != string(got)):
		t.Fatalf("%s of %d bytes was cut to %d", field, len(in), len(got))
	}
}

// vectors lists golden vectors, as seeds.
func vectors(f *testing.F, pattern string) []string {
	f.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("no vectors at %s: %v", pattern, err)
	}
	return paths
}

// vectorBytes reads the bytes of a vector: hex with comments behind the header.
func vectorBytes(f *testing.F, path string) []byte {
	f.Helper()
	_, body, _ := strings.Cut(readText(f, path), "\n\n")
	var b []byte
	for line := range strings.Lines(body) {
		digits, _, _ := strings.Cut(line, "#")
		part, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			f.Fatalf("%s: %v", path, err)
		}
		b = append(b, part...)
	}
	return b
}

// vectorKey returns the value of a key in the header of a vector.
func vectorKey(f *testing.F, path, key string) string {
	f.Helper()
	head, _, _ := strings.Cut(readText(f, path), "\n\n")
	for line := range strings.Lines(head) {
		if value, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func readText(f *testing.F, path string) string {
	f.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return string(b)
}
