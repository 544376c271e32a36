package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
)

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
