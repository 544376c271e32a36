package filesystem

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTheKernelLeavesOutWhatIsOutside: of a directory beside the trees only the first records
// come, until it gets into one.
func TestTheKernelLeavesOutWhatIsOutside(t *testing.T) {
	root, _ := inMemory(t)
	all, err := parseTrees([]string{filepath.Join(root, "in")})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(root, "in"), 0o700))
	must(os.Mkdir(filepath.Join(root, "out"), 0o700))
	s, _, err := choose(ModeFanotify, &trees{all: all})
	if err != nil {
		t.Skip(err)
	}
	defer s.close()
	f := s.(*fanotify)
	outside := filepath.Join(root, "out", "x")
	// records returns how many records there are about x, up to that of the file end.
	records := func(end string) (n int) {
		must(os.WriteFile(filepath.Join(root, "in", end), nil, 0o600))
		buf := make([]byte, batchBytes)
		for seen := false; !seen; {
			k, err := f.file.Read(buf)
			must(err)
			for b := buf[:k]; len(b) > 0; {
				r, rest, err := nextRecord(b)
				must(err)
				if string(r.place.name) == "x" {
					n++
				}
				one := b[:len(b)-len(rest)]
				if _, err := f.parse(one, func(c *change) { seen = seen || filepath.Base(c.path) == end }); err != nil {
					t.Fatal(err)
				}
				b = rest
			}
		}
		return n
	}
	touch := func(path string) {
		must(os.WriteFile(path, []byte("x"), 0o600))
		must(os.Remove(path))
	}
	touch(outside)
	if n := records("first"); n == 0 {
		t.Fatal("no record of what is outside: the test sees nothing")
	}
	touch(outside)
	if n := records("second"); n != 0 {
		t.Errorf("%d records of a directory that is outside and known to be", n)
	}
	must(os.Rename(filepath.Join(root, "out"), filepath.Join(root, "in", "moved")))
	must(f.watch(filepath.Join(root, "in", "moved")))
	touch(filepath.Join(root, "in", "moved", "x"))
	if n := records("third"); n == 0 {
		t.Error("no record of a directory that came into a tree")
	}
}
