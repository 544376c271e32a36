package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
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

// TestALineWithoutItsEndIsCut for each length that the last line may have after a crash.
func TestALineWithoutItsEndIsCut(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{})
	write(t, j, 1, 3)
	j.Close()
	path := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	starts := []int{0}
	for i, c := range whole {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	for size := range len(whole) {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		j, r := open(t, dir, journal.Options{})
		n, cut := 0, size
		for i := range 4 {
			if size >= starts[i+1]-1 { // a line that lacks its line break is whole
				n, cut = i, max(size-starts[i+1], 0)
			}
		}
		if size < starts[1]-1 {
			n = 0
		}
		if r.Lines != n || r.Cut != int64(cut) || r.Broken != nil || r.Lost != nil {
			t.Fatalf("of %d bytes: %+v, want %d lines and %d cut", size, r, n, cut)
		}
		write(t, j, uint64(n)+1, uint64(n)+1)
		if diff := cmp.Diff(numbers(1, uint64(n)+1), lines(t, j, 0)); diff != "" {
			t.Fatalf("of %d bytes: %s", size, diff)
		}
		j.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEachChangedByteIsNoticed changes each byte of a journal in turn. Lines are right, or
// they are missing and their segment is kept as broken, and their numbers are reported.
func TestEachChangedByteIsNoticed(t *testing.T) {
	original := t.TempDir()
	j, _ := open(t, original, journal.Options{SegmentBytes: 300})
	write(t, j, 1, 9)
	segments := j.Stats().Segments
	j.Close()
	for i := range segments {
		names, err := filepath.Glob(original + "/*.jsonl")
		if err != nil || len(names) != segments {
			t.Fatal(names, err)
		}
		whole, err := os.ReadFile(names[i])
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			for _, bit := range []byte{1 << (at % 8)} {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
					t.Fatal(err)
				}
				changed := bytes.Clone(whole)
				changed[at] ^= bit
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(names[i])), changed, 0o600); err != nil {
					t.Fatal(err)
				}
				checkChanged(t, dir, fmt.Sprintf("segment %d, byte %d, bit %#x", i, at, bit))
			}
		}
	}
}

func checkChanged(t *testing.T, dir, what string) {
	t.Helper()
	o := journal.Options{SegmentBytes: 300, Files: &faulty.Files{Unsynced: true}}
	j, r := open(t, dir, o)
	got := map[uint64]bool{}
	for _, n := range lines(t, j, 0) { // which compares the contents
		got[n] = true
	}
	for _, x := range r.Lost {
		for n := x.From; n <= x.To; n++ {
			if got[n] {
				t.Errorf("%s: line %d is there, and lost", what, n)
			}
			got[n] = true
		}
	}
	for n := uint64(1); n <= 9; n++ {
		if !got[n] {
			t.Errorf("%s: line %d is missing, and nothing says so: %+v", what, n, r)
		}
	}
	next := j.Next()
	if next < 10 {
		t.Errorf("%s: the next number is %d, which was given already", what, next)
	}
	if (len(r.Lost) > 0) != (len(r.Broken) > 0) && r.Lost != nil {
		t.Errorf("%s: %+v", what, r)
	}
	write(t, j, next, next)
	j.Close()
	j, again := open(t, dir, o)
	if again.Lost != nil || again.Broken != nil || len(j.Stats().Broken) != len(r.Broken) {
		t.Errorf("%s: opened again: %+v, %+v", what, again, j.Stats())
	}
	j.Close()
}

func TestAFailedWriteLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	files := &faulty.Files{}
	j, _ := open(t, dir, journal.Options{Files: files})
	write(t, j, 1, 5)
	for _, fault := range []func(){
		func() { files.Budget(30, unix.ENOSPC) },
		func() { files.Fail(unix.EIO, faulty.Sync) },
		func() { files.Fail(unix.EROFS, faulty.Write) },
		func() { files.Budget(70, unix.ENOSPC); files.Fail(unix.EIO, faulty.Truncate) },
	} {
		fault()
		next := j.Next()
		for range 3 {
			if _, err := j.Append([][]byte{payload(next), payload(next + 1)}); err == nil {
				t.Fatal("it was written all the same")
			}
		}
		if diff := cmp.Diff(numbers(1, next-1), lines(t, j, 0)); diff != "" {
			t.Error(diff)
		}
		files.Budget(0, nil)
		files.Fail(nil, faulty.Sync, faulty.Write, faulty.Truncate)
		write(t, j, next, next)
		if diff := cmp.Diff(numbers(1, next), lines(t, j, 0)); diff != "" {
			t.Error(diff)
		}
	}
	last := j.Next() - 1
	j.Close()
	j, r := open(t, dir, journal.Options{})
	if r.Cut != 0 || r.Broken != nil || j.Next() != last+1 {
		t.Errorf("recovered %+v", r)
	}
}

func TestABeginThatFailsIsTriedAgain(t *testing.T) {
	for _, op := range []faulty.Operation{faulty.Create, faulty.Write, faulty.Sync, faulty.SyncDir} {
		dir := t.TempDir()
		files := &faulty.Files{}
		j, _ := open(t, dir, journal.Options{Files: files})
		write(t, j, 1, 3)
		files.Fail(unix.EIO, op)
		if err := j.Begin(4, 0, []byte("{}")); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", op, err)
		}
		files.Fail(nil, op)
		write(t, j, 4, 4)
		if err := j.Begin(5, 0, []byte("{}")); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		write(t, j, 5, 6)
		j.Close()
		j, r := open(t, dir, journal.Options{})
		if r.Lost != nil || r.Broken != nil || r.Segments != 2 {
			t.Errorf("%s: recovered %+v", op, r)
		}
		if diff := cmp.Diff(numbers(1, 6), lines(t, j, 0)); diff != "" {
			t.Errorf("%s: %s", op, diff)
		}
	}
}

// TestARemovedDirectoryIsNoticed, where a write to the open file would succeed.
func TestARemovedDirectoryIsNoticed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, dir, journal.Options{})
	write(t, j, 1, 3)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([][]byte{payload(4)}); !errors.Is(err, journal.ErrRemoved) {
		t.Errorf("the directory is gone, and the write says %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append([][]byte{payload(4)}); !errors.Is(err, journal.ErrRemoved) {
		t.Errorf("another file has its name, and the write says %v", err)
	}
}

// TestDamageThatComesLaterIsRepaired while others read and write.
func TestDamageThatComesLaterIsRepaired(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, dir, journal.Options{SegmentBytes: 1000})
	write(t, j, 1, 60)
	path := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(`"line 5"`))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("L"), int64(at)+1); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var got []uint64
	var damage *journal.DamageError
	if err := j.Read(1, func(n uint64, _ []byte) bool { got = append(got, n); return true }); !errors.As(err, &damage) {
		t.Errorf("reading says %v", err)
	}
	if want := append(numbers(1, 4), numbers(6, 60)...); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	var both sync.WaitGroup
	both.Go(func() {
		for range 50 {
			if err := j.Read(30, func(uint64, []byte) bool { return true }); err != nil {
				t.Error(err)
			}
		}
	})
	both.Go(func() { write(t, j, 61, 120) })
	r, err := j.Verify()
	both.Wait()
	if err != nil || len(r.Broken) != 1 || len(r.Lost) != 1 || r.Lost[0] != (journal.Range{From: 5, To: 5}) {
		t.Errorf("verify: %+v, %v", r, err)
	}
	if want, got := append(numbers(1, 4), numbers(6, 120)...), lines(t, j, 0); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	if r, err := j.Verify(); err != nil || r.Broken != nil {
		t.Errorf("verify finds it again: %+v, %v", r, err)
	}
	if broken, err := j.ReadBroken(); err != nil || len(broken) != 1 {
		t.Errorf("kept are %v: %v", broken, err)
	}
}

// TestAnInterruptedRepairGoesOn from each state that a crash can leave.
func TestAnInterruptedRepairGoesOn(t *testing.T) {
	for _, op := range []faulty.Operation{faulty.Create, faulty.Write, faulty.Sync, faulty.Rename, faulty.SyncDir} {
		dir := t.TempDir()
		j, _ := open(t, dir, journal.Options{})
		write(t, j, 1, 9)
		j.Close()
		path := filepath.Join(dir, fmt.Sprintf("%020d.jsonl", 1))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[bytes.Index(b, []byte(`"line 5"`))] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		files := &faulty.Files{}
		files.Fail(unix.EIO, op)
		if _, _, err := journal.Open(dir, journal.Options{Files: files}); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", op, err)
		}
		if op == faulty.SyncDir { // a crash between the two renames
			if err := os.Rename(path, path+".new"); err != nil {
				t.Fatal(err)
			}
		}
		j, _ = open(t, dir, journal.Options{})
		if want, got := append(numbers(1, 4), numbers(6, 9)...), lines(t, j, 0); !cmp.Equal(want, got) {
			t.Errorf("%s: %s", op, cmp.Diff(want, got))
		}
		if len(j.Stats().Broken) != 1 {
			t.Errorf("%s: kept are %v", op, j.Stats().Broken)
		}
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
