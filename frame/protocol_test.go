package frame_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
)

// table returns the rows of the one table in PROTOCOL.md whose head begins with
// the given cells.
func table(t *testing.T, head string) [][]string { return tableOf(t, "PROTOCOL.md", head) }

// tableOf is table for another document.
func tableOf(t *testing.T, file, head string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, head):
			if inside || rows != nil {
				t.Fatalf("two tables with the head %q", head)
			}
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "|-"):
			rows = append(rows, strings.Split(strings.Trim(line, "|"), "|"))
		}
	}
	if rows == nil {
		t.Fatalf("no table with the head %q", head)
	}
	return rows
}

func TestProtocolListsTheCodes(t *testing.T) {
	got := make(map[string]string)
	for _, row := range table(t, "|code|name|meaning|") {
		got[row[0]+" "+row[1]] = row[2]
	}
	want := make(map[string]string)
	for n := 1; n < int(frame.CodeApplication); n++ {
		if c := frame.Code(n); frame.CodeOf(c.Err()) == c {
			want[strconv.Itoa(n)+" "+c.String()] = c.Err().Error()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-code +document):\n%s", diff)
	}
}

func TestProtocolListsTheTypes(t *testing.T) {
	got := make(map[string]string)
	for _, row := range table(t, "|number|type|from|") {
		got[row[0]] = row[1]
	}
	want := make(map[string]string)
	for n := range 256 {
		typ := frame.Type(n)
		if !typ.Known() {
			continue
		}
		want[strconv.Itoa(n)] = typ.String()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types (-code +document):\n%s", diff)
	}
}

func TestProtocolListsTheFlags(t *testing.T) {
	got := make(map[string]string)
	for _, row := range table(t, "|flag|name|admitted on|") {
		got[row[0]+" "+row[1]] = row[2]
	}
	want := make(map[string]string)
	for flag, name := range map[frame.Flags]string{
		frame.FlagS2: "s2", frame.FlagConfirm: "confirm", frame.FlagRetain: "retain", frame.FlagFailed: "failed",
		frame.FlagRedelivered: "redelivered", frame.FlagDrain: "drain",
	} {
		var types []string
		for n := range 256 {
			if typ := frame.Type(n); typ.Flags()&flag != 0 {
				types = append(types, typ.String())
			}
		}
		want[strconv.Itoa(int(flag))+" "+name] = strings.Join(types, ", ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-code +document):\n%s", diff)
	}
}

func TestProtocolListsTheReasons(t *testing.T) {
	got := make(map[string]string)
	for _, row := range table(t, "|reason|why") {
		got[row[0]] = row[1]
	}
	want := make(map[string]string)
	for n := range 256 {
		if r := frame.Reason(n); r.String() != "reason "+strconv.Itoa(n) {
			want[strconv.Itoa(n)] = r.String()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-code +document):\n%s", diff)
	}
}

func TestProtocolListsTheKeysOfTheHandshake(t *testing.T) {
	for name, v := range map[string]any{"hello": frame.Hello{}, "welcome": frame.Welcome{}} {
		var got, want []string
		for _, row := range table(t, "|"+name+"|type|") {
			got = append(got, strings.Split(row[0], ", ")...)
		}
		for field := range reflect.TypeOf(v).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			want = append(want, key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-code +document):\n%s", name, diff)
		}
	}
}

// TestProtocolPlacesTheFields writes each field of the table by hand, at its
// offset, and looks whether the accessor finds it there.
func TestProtocolPlacesTheFields(t *testing.T) {
	size := map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8}
	read := map[string]func(f frame.Frame) uint64{
		"type":         func(f frame.Frame) uint64 { return uint64(f.Type()) },
		"flags":        func(f frame.Frame) uint64 { return uint64(f.Flags()) },
		"priority":     func(f frame.Frame) uint64 { return uint64(f.Priority()) },
		"content type": func(f frame.Frame) uint64 { return uint64(f.Content()) },
		"source":       func(f frame.Frame) uint64 { return uint64(f.Source()) },
		"id":           func(f frame.Frame) uint64 { return f.ID() },
		"time":         func(f frame.Frame) uint64 { return uint64(f.Time()) },
		"sequence":     func(f frame.Frame) uint64 { return f.Sequence() },
	}
	end := 0
	for _, row := range table(t, "|offset|field|type|") {
		offset, err := strconv.Atoi(row[0])
		if err != nil || offset != end {
			t.Errorf("%s: offset %q, want %d", row[1], row[0], end)
		}
		end = offset + size[row[2]]
		if read[row[1]] == nil {
			continue // the lengths and the version: the vectors have them
		}
		b := make([]byte, frame.HeaderSize)
		var want uint64
		for i := range size[row[2]] {
			b[offset+i] = byte(i + 1)
			want |= uint64(i+1) << (8 * i)
		}
		if got := read[row[1]](frame.Frame(b)); got != want {
			t.Errorf("%s at %d: %#x, want %#x", row[1], offset, got, want)
		}
	}
	if end != frame.HeaderSize {
		t.Errorf("the table ends at %d, want %d", end, frame.HeaderSize)
	}
}

func TestProtocolListsTheVectors(t *testing.T) {
	got := make(map[string]string)
	for _, row := range tableOf(t, "testdata/vectors/README.md", "|file|type|expect|") {
		got[row[0]] = strings.Join(row[1:], " · ")
	}
	want := make(map[string]string)
	for _, v := range readVectors(t) {
		want[v.name] = v.keys["type"] + " · " + v.keys["expect"] + " · " + v.keys["note"]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vectors (-files +document):\n%s", diff)
	}
}

// TestProtocolExamplesAreGood decodes the JSON in the document.
func TestProtocolExamplesAreGood(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for i, part := range strings.Split(string(text), "```json\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		var errs [2]error
		if !json.Valid([]byte(block)) {
			t.Errorf("block %d is not JSON", i)
		}
		_, errs[0] = frame.ParseHello([]byte(block))
		_, errs[1] = frame.ParseWelcome([]byte(block))
		if i < len(errs) && errs[i] != nil {
			t.Errorf("block %d: %v", i, errs[i])
		}
		blocks++
	}
	if blocks != 3 {
		t.Errorf("%d blocks of JSON, want hello, welcome and subscribe", blocks)
	}
}
