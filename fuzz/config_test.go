package fuzz

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/config"
)

// FuzzConfig gives any text to the reader of configuration files. It never panics; what
// it refuses it refuses with a bounded list of mistakes, each with its reason; what it
// takes is the same after it was written and read again.
func FuzzConfig(f *testing.F) {
	var b bytes.Buffer
	if err := config.WriteDefault(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := config.Parse("f", text)
		if err != nil {
			var all *config.Errors
			if !errors.As(err, &all) || len(all.List) == 0 || len(all.Error()) > 20_000 {
				t.Fatalf("refused with %v", err)
			}
			for _, e := range all.List {
				if e.Reason == nil || bytes.ContainsRune([]byte(e.Error()), '\x1b') {
					t.Fatalf("mistake %q, reason %v", e.Error(), e.Reason)
				}
			}
			return
		}
		var written bytes.Buffer
		if err := l.Write(&written, true); err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("f", written.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%s", err, &written)
		}
		if diff := cmp.Diff(l.Config, again.Config); diff != "" {
			t.Fatalf("-once +twice:\n%s\n%s", diff, &written)
		}
	})
}
