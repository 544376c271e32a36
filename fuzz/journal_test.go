package fuzz

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
)

// FuzzAlertJournal: any bytes as the last segment of a journal. It opens; what is read has
// numbers that grow, and stays what it is when it is opened again; lines can be appended, and
// get numbers above all that were read or lost.
func FuzzAlertJournal(f *testing.F) {
	dir := f.TempDir()
	j, _, err := journal.Open(dir, journal.Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := j.Begin(1, 0, []byte(`{"head":1}`)); err != nil {
		f.Fatal(err)
	}
	if _, err := j.Append([][]byte{[]byte(`{"a":1}`), []byte(`{"b":"x"}`), []byte(`{}`)}); err != nil {
		f.Fatal(err)
	}
	if err := j.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(bytes.ReplaceAll(whole, []byte("\n"), []byte("\n\n")))
	f.Add(bytes.Replace(whole, []byte(`"x"`), []byte(`"y"`), 1))
	f.Add(append(bytes.Clone(whole), make([]byte, 100)...))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		first := readJournal(t, dir, true)
		again := readJournal(t, dir, false)
		for n, text := range first {
			if again[n] != text {
				t.Errorf("line %d was %q, and is %q", n, text, again[n])
			}
		}
	})
}

// readJournal opens the journal in dir, and returns its lines. With add it also appends one.
func readJournal(t *testing.T, dir string, add bool) map[uint64]string {
	t.Helper()
	j, r, err := journal.Open(dir, journal.Options{Files: &faulty.Files{Unsynced: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	lines, last := map[uint64]string{}, uint64(0)
	if err := j.Read(0, func(n uint64, p []byte) bool {
		if n <= last {
			t.Errorf("line %d comes after line %d", n, last)
		}
		lines[n], last = string(p), n
		return true
	}); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Lost {
		last = max(last, x.To)
	}
	next := j.Next()
	if next <= last {
		t.Errorf("the next number is %d, and %d was given", next, last)
	}
	if !add {
		return lines
	}
	if j.Stats().Segments == 0 {
		if err := j.Begin(next, 0, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	n, err := j.Append([][]byte{[]byte(`{"new":true}`)})
	if err != nil || n != next {
		t.Fatalf("line %d is %d: %v", next, n, err)
	}
	lines[n] = `{"new":true}`
	return lines
}
