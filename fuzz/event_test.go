package fuzz

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

// FuzzEventParse gives any bytes to the parser of events. What it takes must be
// readable in every field, give valid JSON, and survive being built again.
func FuzzEventParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := event.Parse(b)
		if err != nil {
			return
		}
		if len(v) > len(b) || cap(v) != len(v) {
			t.Fatalf("view of %d bytes, capacity %d, from %d", len(v), cap(v), len(b))
		}
		if doc := event.AppendJSON(nil, v); !json.Valid(doc) {
			t.Fatalf("not JSON: %s", doc)
		}
		once, ok := buildAgain(v)
		if !ok {
			return
		}
		// The first building may cut text and drop what this version does not
		// know; from then on nothing may change any more.
		twice, err := event.Parse(once)
		if err != nil {
			t.Fatalf("what was built cannot be parsed: %v", err)
		}
		if again, _ := buildAgain(twice); !bytes.Equal(once, again) {
			t.Fatalf("built twice (-once +twice):\n%s", cmp.Diff(once, again))
		}
	})
}

func buildAgain(v event.View) ([]byte, bool) {
	if p, ok := v.Process(); ok {
		c := p.Copy()
		return event.AppendProcess(nil, &c), true
	}
	if g, ok := v.Gap(); ok {
		c := g.Copy()
		return event.AppendGap(nil, &c), true
	}
	return nil, false
}

// FuzzEventText gives any text to the builder: it must come back whole or cut
// at its bound, and the arguments must make up the command line.
func FuzzEventText(f *testing.F) {
	f.Fuzz(func(t *testing.T, name, executable, commandLine string) {
		v, err := event.Parse(event.AppendProcess(nil, &event.Process{
			Name:        name,
			Executable:  executable,
			CommandLine: commandLine,
		}))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := v.Process()
		if !ok {
			t.Fatal("not a process event")
		}
		checkCut(t, "name", name, p.Name(), event.MaxName)
		checkCut(t, "executable", executable, p.Executable(), event.MaxPath)
		var args [][]byte
		for arg := range p.Args() {
			args = append(args, arg)
		}
		if line := bytes.Join(args, []byte(" ")); !bytes.Equal(line, p.CommandLine()) {
			t.Fatalf("arguments %q make %q, the command line is %q", args, line, p.CommandLine())
		}
		spaced := bytes.ReplaceAll(bytes.TrimRight([]byte(commandLine), "\x00"), []byte{0}, []byte(" "))
		if !p.Flags().Has(event.CommandLineTruncated) && !bytes.Equal(spaced, p.CommandLine()) {
			t.Fatalf("command line %q, want %q", p.CommandLine(), spaced)
		}
		if len(p.CommandLine()) > event.MaxCommandLine {
			t.Fatalf("command line of %d bytes", len(p.CommandLine()))
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
