package index_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert/index"
)

func open(t *testing.T, path string) *index.Index {
	t.Helper()
	x, err := index.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func fill(t *testing.T, x *index.Index, n int) map[string]string {
	t.Helper()
	want := map[string]string{}
	for i := range n {
		key, value := fmt.Sprintf("key %04d", i), fmt.Sprintf("value %d of some length", i*i)
		ops := []index.Op{{Bucket: "a", Key: []byte(key), Value: []byte(value)}}
		if i%5 == 4 {
			gone := fmt.Sprintf("key %04d", i-2)
			ops = append(ops, index.Op{Bucket: "a", Key: []byte(gone)}, index.Op{Bucket: "b", Key: []byte(gone), Value: []byte{}})
			delete(want, gone)
		}
		if err := x.Update(uint64(i)+1, ops); err != nil {
			t.Fatal(err)
		}
		want[key] = value
	}
	return want
}

func contents(x *index.Index, bucket string, backwards bool) (all map[string]string, keys []string, err error) {
	all = map[string]string{}
	_, err = x.Walk(bucket, backwards, func(k, v []byte) bool {
		all[string(k)] = string(v)
		keys = append(keys, string(k))
		return true
	})
	return all, keys, err
}

func TestWhatWasPutIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := open(t, path)
	want := fill(t, x, 500)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = open(t, path)
	got, keys, err := contents(x, "a", false)
	if err != nil || !cmp.Equal(want, got) {
		t.Error(err, cmp.Diff(want, got))
	}
	_, back, err := contents(x, "a", true)
	if err != nil || back[0] != keys[len(keys)-1] || len(back) != len(keys) {
		t.Errorf("backwards: %v", err)
	}
	if n, err := x.Applied(); n != 500 || err != nil {
		t.Errorf("applied is %d: %v", n, err)
	}
	if n, err := x.Count("a"); n != uint64(len(want)) || err != nil {
		t.Errorf("count is %d, want %d: %v", n, len(want), err)
	}
	if v, err := x.Get("b", []byte("key 0002")); v == nil || len(v) != 0 || err != nil {
		t.Errorf("an empty value is %v: %v", v, err)
	}
	for _, bucket := range []string{"a", "none"} {
		if v, err := x.Get(bucket, []byte("missing")); v != nil || err != nil {
			t.Errorf("a key that is not there has %q: %v", v, err)
		}
	}
}

// TestEachChangedByteIsNoticed changes each byte of a file in turn: every value is right, or
// there is an error.
func TestEachChangedByteIsNoticed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index.db")
	x := open(t, path)
	want := map[uint64]map[string]string{120: fill(t, x, 120)}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	// Where the newest meta page is changed, bbolt goes back by one update, and Applied shows it.
	before := open(t, filepath.Join(dir, "before.db"))
	want[119] = fill(t, before, 119)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 61
	if os.Getenv("STORE_SOAK") != "" {
		step = 1
	}
	noticed, same := 0, 0
	changed := filepath.Join(dir, "changed.db")
	for at := 0; at < len(whole); at += step {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(changed, b, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := index.Open(changed)
		if err == nil {
			var got map[string]string
			var n uint64
			if n, err = x.Applied(); err == nil {
				if got, _, err = contents(x, "a", false); err == nil && !cmp.Equal(want[n], got) {
					t.Fatalf("byte %d: applied %d: %s", at, n, cmp.Diff(want[n], got))
				}
			}
			// It also has to bear a write.
			if err == nil {
				err = x.Update(121, []index.Op{{Bucket: "a", Key: []byte("new"), Value: []byte("new")}})
			}
			if err == nil {
				err = x.Check()
			}
			if cerr := x.Close(); err == nil {
				err = cerr
			}
		}
		if err != nil {
			noticed++
		} else {
			same++
		}
		if err := os.Remove(changed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d bytes: %d noticed, %d without effect", len(whole), noticed, same)
	if noticed == 0 || same == 0 {
		t.Error("the changes do not reach both")
	}
}

// TestAFileThatBecomesShorterIsNoticed, where the memory map would end the process.
func TestAFileThatBecomesShorterIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := open(t, path)
	fill(t, x, 300)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	if _, _, err := contents(x, "a", false); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("reading says %v", err)
	}
	if err := x.Update(301, nil); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("writing says %v", err)
	}
	if _, err := index.Open(path); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("opening says %v", err)
	}
}

func TestAFileOfSomethingElseIsNoIndex(t *testing.T) {
	for _, text := range []string{"x", string(make([]byte, 4096)), string(bytes.Repeat([]byte("daemoneye"), 4000))} {
		path := filepath.Join(t.TempDir(), "index.db")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := index.Open(path); !errors.Is(err, index.ErrDamaged) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

// TestAWalkBeginsBeforeAKey, whether that is there or not.
func TestAWalkBeginsBeforeAKey(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index.db"))
	fill(t, x, 500)
	_, all, err := contents(x, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 502 {
		for _, before := range []string{fmt.Sprintf("key %04d", i), fmt.Sprintf("key %04d+", i), "", "zzz"} {
			var want, got []string
			for _, k := range all {
				if k < before {
					want = append(want, k)
				}
			}
			applied, err := x.WalkBefore("a", []byte(before), func(k, _ []byte) bool {
				got = append(got, string(k))
				return true
			})
			if !slices.Equal(want, got) || applied != 500 || err != nil { // cmp.Diff takes long, even of equals
				t.Fatalf("before %q (-want +got):\n%s%d, %v", before, cmp.Diff(want, got), applied, err)
			}
		}
	}
	if _, err := x.WalkBefore("none", []byte("x"), func(_, _ []byte) bool { t.Error("a key of no bucket"); return true }); err != nil {
		t.Error(err)
	}
}
