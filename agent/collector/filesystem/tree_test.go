package filesystem

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	parse := func(patterns ...string) []tree {
		all, err := parseTrees(patterns)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	trees := &trees{
		all: parse("/etc", "/home/*/.ssh", "/srv/www/index.html"), executables: parse("/tmp", "/etc/tools"), exclude: parse("/etc/mtab", "/home/*/.ssh/cache"),
	}
	for path, want := range map[string]verdict{
		"/": leading, "/etc": inside, "/etc/passwd": inside, "/etc/a/b/c": inside, "/etcetera": outside, "/et": outside,
		"/etc/mtab": outside, "/etc/mtab/x": outside, "/etc/mtab2": inside,
		"/home": leading, "/home/ann": leading, "/home/ann/diary": outside, "/home/ann/.ssh": inside, "/home/ann/.ssh/id": inside,
		"/home/ann/.ssh/cache/x": outside, "/home/ann/x/.ssh": outside,
		"/srv": leading, "/srv/www": leading, "/srv/www/index.html": inside, "/srv/www/other": outside,
		"/tmp": programs, "/tmp/x": programs, "/etc/tools/x": inside, "/usr": outside,
	} {
		if got := trees.judge(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if diff := cmp.Diff([]string{"/etc", "/home", "/srv/www/index.html", "/tmp", "/etc/tools"}, trees.roots()); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
	all := &trees.all
	*all = parse("/")
	if got := trees.judge("/usr/bin"); got != inside {
		t.Errorf("everything: %d", got)
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	for _, p := range []string{"", "etc", "./etc", "/etc/", "/etc/../x", "/a//b", "/a/[b", `/a\`} {
		if _, err := parseTrees([]string{p}); err == nil {
			t.Errorf("%q is taken", p)
		}
	}
}
