package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
)

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
