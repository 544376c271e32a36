package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert/journal"
)

// open opens the journal in dir, and begins a segment where one is due.
func open(t *testing.T, dir string, o journal.Options) (*journal.Journal, journal.Recovered) {
	t.Helper()
	j, r, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, r
}

func payload(n uint64) []byte { return fmt.Appendf(nil, `{"i":%d,"text":"line %d"}`, n, n) }

// write appends the lines with these numbers one by one, and begins segments as they get
// full.
func write(t *testing.T, j *journal.Journal, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n++ {
		if j.Full() {
			if err := j.Begin(n, 0, fmt.Appendf(nil, `{"before":%d}`, n)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := j.Append([][]byte{payload(n)})
		if err != nil || got != n {
			t.Fatalf("line %d has the number %d: %v", n, got, err)
		}
	}
}

// lines reads all lines from number from on, and checks their contents.
func lines(t *testing.T, j *journal.Journal, from uint64) (all []uint64) {
	t.Helper()
	if err := j.Read(from, func(n uint64, p []byte) bool {
		if !bytes.Equal(p, payload(n)) {
			t.Errorf("line %d is %s", n, p)
		}
		all = append(all, n)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func numbers(from, to uint64) (all []uint64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

func TestLinesAreReadAgainAfterAReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	o := journal.Options{SegmentBytes: 2000}
	j, r := open(t, dir, o)
	if r.Lines != 0 || j.Next() != 1 {
		t.Fatalf("a new journal has %+v", r)
	}
	write(t, j, 1, 200)
	if diff := cmp.Diff(numbers(1, 200), lines(t, j, 0)); diff != "" {
		t.Error(diff)
	}
	j.Close()
	j, r = open(t, dir, o)
	if r.Lines != 200 || r.Cut != 0 || r.Broken != nil || r.Lost != nil || r.Segments < 4 {
		t.Errorf("recovered %+v", r)
	}
	write(t, j, 201, 220)
	for _, from := range []uint64{1, 2, 57, 199, 220, 221} {
		if diff := cmp.Diff(numbers(from, 220), lines(t, j, from)); diff != "" {
			t.Errorf("from %d: %s", from, diff)
		}
	}
	if s := j.Stats(); s.First != 1 || s.Last != 220 {
		t.Errorf("%+v", s)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v: %v", info.Mode(), err)
	}
}

func TestReadingEndsWhenItsCallerHasEnough(t *testing.T) {
	j, _ := open(t, t.TempDir(), journal.Options{SegmentBytes: 500})
	write(t, j, 1, 50)
	var got []uint64
	if err := j.Read(7, func(n uint64, _ []byte) bool { got = append(got, n); return len(got) < 20 }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(7, 26), got); diff != "" {
		t.Error(diff)
	}
}

func TestAPayloadHasOneLine(t *testing.T) {
	j, _ := open(t, t.TempDir(), journal.Options{})
	if _, err := j.Append([][]byte{[]byte("{}")}); !errors.Is(err, journal.ErrNoSegment) {
		t.Errorf("without a segment: %v", err)
	}
	if err := j.Begin(1, 0, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"", "{\n}", strings.Repeat("x", journal.MaxLine+1)} {
		if _, err := j.Append([][]byte{[]byte("{}"), []byte(p)}); !errors.Is(err, journal.ErrPayload) {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
	if j.Next() != 1 {
		t.Error("a line of a refused batch counts")
	}
	if _, err := j.Append([][]byte{bytes.Repeat([]byte("x"), journal.MaxLine)}); err != nil {
		t.Error(err)
	}
}

// TestALossThatItsOwnerKnowsOfIsReported by every later Open.
func TestALossThatItsOwnerKnowsOfIsReported(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{})
	write(t, j, 1, 3)
	if err := j.Begin(10, 7, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	write(t, j, 10, 10)
	j.Close()
	if _, r := open(t, dir, journal.Options{}); !cmp.Equal(r.Lost, []journal.Range{{From: 4, To: 7}}) {
		t.Errorf("%+v", r)
	}
}

// TestNumbersMayJumpWhereASegmentBegins, and what was never given is not lost.
func TestNumbersMayJumpWhereASegmentBegins(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{})
	write(t, j, 1, 3)
	if err := j.Begin(1000, 0, []byte(`{"jump":true}`)); err != nil {
		t.Fatal(err)
	}
	write(t, j, 1000, 1002)
	j.Close()
	j, r := open(t, dir, journal.Options{})
	if r.Lost != nil || r.Lines != 6 {
		t.Errorf("recovered %+v", r)
	}
	if diff := cmp.Diff(append(numbers(1, 3), numbers(1000, 1002)...), lines(t, j, 0)); diff != "" {
		t.Error(diff)
	}
	if _, err := j.Trim(1, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if head, after := j.Head(); string(head) != `{"jump":true}` || after != 3 {
		t.Errorf("the head is %s after %d", head, after)
	}
}

func TestTheOldestSegmentsAreTrimmed(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{SegmentBytes: 1000})
	write(t, j, 1, 100)
	before := j.Stats()
	removed, err := j.Trim(3000, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s := j.Stats()
	if s.Bytes > 3000 || s.Segments >= before.Segments || s.Last != 100 || len(removed) == 0 || removed[0].From != 1 || removed[len(removed)-1].To != s.First-1 {
		t.Errorf("%+v, removed %v", s, removed)
	}
	if diff := cmp.Diff(numbers(s.First, 100), lines(t, j, 0)); diff != "" {
		t.Error(diff)
	}
	if _, err := j.Trim(1<<30, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Segments != 1 {
		t.Errorf("by age %d segments stay", s.Segments)
	}
	j.Close()
	j, r := open(t, dir, journal.Options{SegmentBytes: 1000})
	if r.Lost != nil || j.Next() != 101 {
		t.Errorf("what was trimmed counts as lost: %+v", r)
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{})
	write(t, j, 1, 3)
	j.Close()
	path := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte(`"line 2"`))] ^= 1
	b = append(b, `{"n":4,"crc`...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	j, r := open(t, dir, journal.Options{ReadOnly: true})
	if len(r.Broken) != 1 || r.Cut == 0 || len(r.Lost) != 1 {
		t.Errorf("%+v", r)
	}
	var got []uint64
	_ = j.Read(1, func(n uint64, _ []byte) bool { got = append(got, n); return true })
	if !cmp.Equal([]uint64{1, 3}, got) {
		t.Errorf("read %v", got)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
		t.Errorf("the file has changed: %v", err)
	}
}
