// Package storytest holds what the tests of a collector claim of its sources, and the
// README beside it: the same story happens for each source, what each showed of it is
// counted, and a count that a test demands is the cell of a table.
//
// It is for tests only.
package storytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bound is how often a source shows something. The zero Bound is never.
type Bound struct {
	Least, Most int
	Note        string // stands behind the number in the table
}

// Just is exactly so often.
func Just(n int) Bound { return Bound{Least: n, Most: n} }

// From is so often at least. What is above depends on the machine.
func From(least, most int) Bound { return Bound{Least: least, Most: most} }

// But adds a note.
func (b Bound) But(note string) Bound {
	b.Note = note
	return b
}

func (b Bound) String() string {
	s := fmt.Sprint(b.Least)
	switch {
	case b.Most == 0:
		s = "none"
	case b.Least < b.Most:
		s += " or more"
	}
	if b.Note != "" {
		s += ", " + b.Note
	}
	return s
}

// Row is what a story has of one kind, and how often each source shows it.
type Row struct {
	What string
	Want []Bound // in the order of the sources
}

// Check holds what the source with that index showed against the rows.
func Check(t testing.TB, rows []Row, source int, got []int) {
	t.Helper()
	for i, r := range rows {
		if w := r.Want[source]; got[i] < w.Least || got[i] > w.Most {
			t.Errorf("%s: %d, want %d to %d", r.What, got[i], w.Least, w.Most)
		}
	}
}

// InReadme holds that the README has the rows in a section.
func InReadme(t testing.TB, section string, rows []Row) {
	t.Helper()
	text := readme(t)
	_, text, ok := strings.Cut(text, "\n### "+section+"\n")
	if !ok {
		t.Fatalf("the README has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n#")
	for _, r := range rows {
		line := "| " + r.What + " |"
		for _, w := range r.Want {
			line += " " + w.String() + " |"
		}
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the README's section %q lacks the row\n%s", section, line)
		}
	}
}

// readme reads the README at the root of the module.
func readme(t testing.TB) string {
	t.Helper()
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			b, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		if len(dir) > 100 {
			t.Fatal("no module is around this test")
		}
	}
}
