package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/live"
)

// TestWhatLinksLeadToIsWatched: a folder and a file that links lead to, a link that leads
// elsewhere now, a file that is replaced behind a link, and a folder with a dot in its name.
func TestWhatLinksLeadToIsWatched(t *testing.T) {
	base := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		t.Helper()
		must(os.MkdirAll(filepath.Dir(filepath.Join(base, name)), 0o700))
		// As editors do it: beside it, and then in its place.
		must(os.WriteFile(filepath.Join(base, name+"~"), []byte(text), 0o600))
		must(os.Rename(filepath.Join(base, name+"~"), filepath.Join(base, name)))
	}
	write("v1/a.yml", titled("v1", "a"))
	write("v2/a.yml", titled("v2", "a"))
	write("single/s.yml", titled("single", "b"))
	must(os.Symlink("v1", filepath.Join(base, "current")))
	g := run(t, titled("own", "c"), func(o *live.Options) {
		dir := o.Settings.Paths[0]
		o.Settings.Watch = true
		must(os.Symlink(filepath.Join(base, "current"), filepath.Join(dir, "community")))
		must(os.Symlink(filepath.Join(base, "single", "s.yml"), filepath.Join(dir, "link.yml")))
	})
	until := func(want ...string) {
		t.Helper()
		g.eventually(fmt.Sprint(want), func() bool { return slices.Equal(g.titles(), want) })
	}
	until("own", "single", "v1")
	write("single/s.yml", titled("another", "b"))
	until("another", "own", "v1")
	write("v1/b.yml", titled("v1b", "d"))
	until("another", "own", "v1", "v1b")
	must(os.Symlink("v2", filepath.Join(base, "next")))
	must(os.Rename(filepath.Join(base, "next"), filepath.Join(base, "current")))
	until("another", "own", "v2")
	must(os.Mkdir(filepath.Join(g.dir, "sigma-2.1"), 0o700))
	g.write("sigma-2.1/new.yml", titled("dotted", "e"))
	until("another", "dotted", "own", "v2")
	for i := range 500 {
		g.write(fmt.Sprintf("burst%d.yml", i%7), titled(fmt.Sprintf("%03db", i), "f"))
	}
	until("493b", "494b", "495b", "496b", "497b", "498b", "499b", "another", "dotted", "own", "v2")
}

// TestAFolderThatCannotBeReadLeavesItsRules, as a file does.
func TestAFolderThatCannotBeReadLeavesItsRules(t *testing.T) {
	g := run(t, titled("one", "a"), nil)
	if err := os.Rename(g.dir, g.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(g.dir, g.dir); err != nil { // a circle, which root cannot read either
		t.Fatal(err)
	}
	r := g.runner.Load("test")
	g.wantTitles("one")
	if len(r.Kept) != 1 || r.Errors != 1 {
		t.Errorf("%+v", r)
	}
}
